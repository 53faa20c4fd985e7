import { expect, test } from "bun:test"
import { Schema } from "effect"
import { AuthProxyConfiguration } from "./AuthProxyConfiguration.ts"
import { settingsOf } from "./settings.ts"

const entry = {
  name: "main",
  issuer: { url: "https://idp.example.com" },
  claimMappings: { username: { claim: "sub", prefix: "oidc:" } },
}
const inPod = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" }
const judged = (changes: Record<string, unknown>, environment: Record<string, string> = inPod) => {
  const base = { clusterName: "edge-1", relay: { url: "https://relay.example.com" }, authentication: { jwt: [entry] } }
  return settingsOf(Schema.decodeUnknownSync(AuthProxyConfiguration)({ ...base, ...changes }), environment)
}
const settings = (...given: Parameters<typeof judged>) => {
  const result = judged(...given)
  return result._tag === "Right" ? result.right : undefined
}
const cause = (...given: Parameters<typeof judged>) => {
  const result = judged(...given)
  return result._tag === "Left" ? result.left._tag : "accepted"
}

test("the defaults are the pod's API server, the cluster's audience and a relay audience that is refused", () => {
  const found = settings({})
  expect(found?.entries[0]?.issuer.audiences).toEqual(["clusterconnect:relay.example.com/edge-1"])
  expect(found?.refusedAudiences).toEqual(["clusterconnect:relay.example.com"])
  expect(found?.apiServer.url.host).toBe("10.96.0.1")
  expect(found?.apiServer.tokenFile).toBe("/var/run/secrets/kubernetes.io/serviceaccount/token")
  expect(found?.maxSessionMillis).toBe(43_200_000)
  expect(found?.impersonation).toEqual({ mode: "Auto", profile: "ReadWrite", allowNested: false })
})

test("the relay's audience is accepted only where the configuration says so", () => {
  const jwt = [{ ...entry, issuer: { ...entry.issuer, audiences: ["clusterconnect:relay.example.com"] } }]
  expect(cause({ authentication: { jwt } })).toBe("AudienceShared")
  expect(settings({ authentication: { jwt, allowRelayAudience: true } })?.refusedAudiences).toEqual([])
})

test("tokens for every audience of the relay are refused, and only for those that are named", () => {
  const relay = { url: "https://relay.example.com", audiences: ["api://relay", "corp-sso"] }
  expect(settings({ relay })?.refusedAudiences).toEqual(["api://relay", "corp-sso"])
})

test.each(["api://relay", "corp-sso"])("an entry may accept no audience of the relay, whichever it is: %s", (taken) => {
  const relay = { url: "https://relay.example.com", audiences: ["api://relay", "corp-sso"] }
  const second = {
    name: "second",
    issuer: { url: "https://two.example.com", audiences: ["own", taken] },
    claimMappings: { username: { claim: "sub", prefix: "two:" } },
  }
  const jwt = [entry, second]
  const refused = judged({ relay, authentication: { jwt } })
  expect(refused._tag === "Left" ? refused.left : undefined).toMatchObject({
    _tag: "AudienceShared",
    detail: `entry second, audience ${taken}`,
  })
  expect(settings({ relay, authentication: { jwt, allowRelayAudience: true } })?.refusedAudiences).toEqual([])
})

test("an IPv6 API server address gets its brackets", () => {
  const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" }
  expect(settings({}, environment)?.apiServer.url.host).toBe("[fd00::1]:6443")
})

test.each([
  ["outside a pod without apiServer.url", {}, {}, "ApiServerUnknown"],
  ["with http", { apiServer: { url: "http://10.0.0.1" } }, inPod, "ApiServerUrlInvalid"],
  ["with a path", { apiServer: { url: "https://10.0.0.1/k8s" } }, inPod, "ApiServerUrlInvalid"],
  ["with no URL", { apiServer: { url: "10.0.0.1" } }, inPod, "ApiServerUrlInvalid"],
  ["with a relay URL that has a path", { relay: { url: "https://relay.example.com/x" } }, inPod, "RelayUrlInvalid"],
  [
    "without a prefix",
    { authentication: { jwt: [{ ...entry, claimMappings: { username: { claim: "sub" } } }] } },
    inPod,
    "EntriesRefused",
  ],
] as const)("a configuration %s is refused by name", (_, changes, environment, name) =>
  expect(cause(changes, environment)).toBe(name),
)

test.each([
  { clusterName: "Edge_1" },
  { authentication: { jwt: [] } },
  { authentication: { jwt: [entry], maxSessionSeconds: 0 } },
  { impersonation: { profile: "Everything" } },
  { limits: { streams: 0 } },
  { relay: { url: "https://relay.example.com", audiences: [] } },
  { relay: { url: "https://relay.example.com", audiences: [""] } },
  { relay: { url: "https://relay.example.com", audiences: ["corp-sso", "corp-sso"] } },
])("the schema refuses %j", (changes) => expect(() => judged(changes)).toThrow())
