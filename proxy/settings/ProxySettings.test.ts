import { describe, expect, test } from "bun:test"
import { UsageWrong } from "../failures.ts"
import { type Environment, type ProxyFlags, proxySettings } from "./ProxySettings.ts"

const none: ProxyFlags = {
  clusters: ["edge-1"],
  relay: "https://relay.example",
  token: undefined,
  tokenFile: "/t",
  relayTokenFile: "/r",
  relayAudience: undefined,
  audience: undefined,
  singleAudience: false,
  port: undefined,
  file: undefined,
  kubeContext: undefined,
  merge: false,
  overwriteExisting: false,
  pin: undefined,
  acceptNewPin: false,
  hold: undefined,
  caFile: undefined,
}
const settings = (flags: Partial<ProxyFlags> = {}, environment: Environment = {}) =>
  proxySettings({ ...none, ...flags }, environment)
const detail = (flags: Partial<ProxyFlags>, environment: Environment = {}) => {
  try {
    settings(flags, environment)
  } catch (error) {
    expect(error).toBeInstanceOf(UsageWrong)
    return (error as UsageWrong).detail
  }
  return "accepted"
}
const pin = `sha256:${"a".repeat(64)}`

describe("settings of proxy", () => {
  test("come from flags, with the default relay audience", () => {
    expect(settings({ relay: "https://Relay.example:8443/" })).toMatchObject({
      relay: "https://relay.example:8443",
      relayAudience: "clusterconnect:relay.example:8443",
      singleAudience: false,
      clusters: [{ cluster: "edge-1", pin: undefined }],
    })
  })
  test("carry the name of the chosen profile, and take its relay where no other way names one", () => {
    const named = { name: "admin", profile: { relay: "https://relay.example" } }
    expect(proxySettings({ ...none, relay: undefined }, {}, { named })).toMatchObject({
      relay: "https://relay.example",
      profile: "admin",
    })
    expect(settings().profile).toBeUndefined()
  })
  test("send no token over a network in plain text: http is for a relay on this machine", () => {
    for (const relay of ["http://relay.example", "http://10.0.0.7:8080", "http://127.0.0.1.example"])
      expect(detail({ relay })).toContain("https://")
    for (const relay of ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"])
      expect(detail({ relay })).toBe("accepted")
  })
  test("come from the environment where a flag is absent; an empty variable is absent too", async () => {
    const environment = {
      CLUSTERCONNECT_RELAY: "https://r.example",
      CLUSTERCONNECT_TOKEN: "T",
      CLUSTERCONNECT_RELAY_TOKEN: "R",
      CLUSTERCONNECT_PIN: `edge-1=${pin},other=${pin}`,
      CLUSTERCONNECT_TOKEN_FILE: "",
    }
    const got = settings({ relay: undefined, tokenFile: undefined, relayTokenFile: undefined }, environment)
    expect(got.relay).toBe("https://r.example")
    expect(await got.relayToken.current()).toBe("R")
    expect(await got.clusters[0]?.token.current()).toBe("T")
    expect(got.clusters[0]?.pin).toBe(pin as never)
    expect(settings({ pin: `sha256:${"b".repeat(64)}` }, environment).clusters[0]?.pin).toBe(`sha256:${"b".repeat(64)}`)
  })
  test("give every one of several clusters its own token and pin", async () => {
    const got = settings({ clusters: ["a", "b"], tokenFile: undefined, token: "a=1,b=2", pin: `b=${pin}` })
    expect(
      await Promise.all(got.clusters.map(async ({ cluster, token, pin }) => [cluster, await token.current(), pin])),
    ).toEqual([
      ["a", "1", undefined],
      ["b", "2", pin as never],
    ])
  })
  test("use the cluster's token for the relay only with --single-audience", async () => {
    const one = { tokenFile: undefined, token: "T", relayTokenFile: undefined }
    expect(detail(one)).toContain("--relay-token-file")
    expect(await settings({ ...one, singleAudience: true }).relayToken.current()).toBe("T")
  })
  test("keep a session without a path for 300 s, or for less where --hold says so", () => {
    expect(settings().holdMillis).toBe(300_000)
    expect(settings({ hold: 20 }).holdMillis).toBe(20_000)
    for (const hold of [0, -1, 301]) expect(detail({ hold })).toContain("--hold")
  })
  const wrong: readonly (readonly [string, Partial<ProxyFlags>, string])[] = [
    ["no relay", { relay: undefined }, "--relay"],
    ["a relay with a path", { relay: "https://r.example/x" }, "expected https://"],
    ["no token", { tokenFile: undefined }, "no token for cluster edge-1"],
    ["two kinds of token", { token: "T" }, "exclude each other"],
    ["an unnamed token file for several clusters", { clusters: ["a", "b"] }, "a=VALUE,b=VALUE"],
    ["a token for one of two clusters", { clusters: ["a", "b"], tokenFile: "a=/t" }, "no token for cluster b"],
    ["a cluster twice", { clusters: ["a", "a"] }, "twice"],
    ["an impossible cluster name", { clusters: ["A_b"] }, "cluster name"],
    ["a pin that is none", { pin: "sha256:12" }, "64 hexadecimal"],
    ["a context name for several clusters", { clusters: ["a", "b"], kubeContext: "x" }, "--kube-context"],
    ["an audience for several clusters", { clusters: ["a", "b"], audience: "x" }, "--audience"],
    ["port 0", { port: 0 }, "--port"],
    [
      "a port without room for the second cluster",
      { clusters: ["a", "b"], tokenFile: "a=/t,b=/t", port: 65_535 },
      "--port",
    ],
  ]
  for (const [name, flags, said] of wrong) test(`refuse ${name}`, () => expect(detail(flags)).toContain(said))
})
