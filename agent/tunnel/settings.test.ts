import { describe, expect, test } from "bun:test"
import { SettingsInvalid, type TunnelFlags, target, tunnelSettings } from "./settings.ts"

const none: TunnelFlags = { authProxy: [], authProxyAll: [], caFile: [] }
const flags: TunnelFlags = { ...none, dir: "/d", authProxy: ["auth.svc:8443"] }
const problems = (given: TunnelFlags, env = {}) => {
  try {
    tunnelSettings(given, env)
    return []
  } catch (error) {
    return error instanceof SettingsInvalid ? error.problems : [String(error)]
  }
}

test("a directory of init and an auth proxy are enough", () => {
  const settings = tunnelSettings(flags, {})
  expect(settings.files).toEqual({ sessionKeyFile: "/d/session.key", documentFile: "/d/document" })
  expect(settings.authProxies).toEqual([{ host: "auth.svc", port: 8443 }])
  expect(settings.allAuthProxies).toEqual(settings.authProxies)
  expect(settings.relayUrl).toBeUndefined()
})

test("the environment says what the flags leave open, and flags win", () => {
  const env = {
    CLUSTERCONNECT_RELAY: "https://relay.example.com/",
    CLUSTERCONNECT_CLUSTER: "edge-1",
    CLUSTERCONNECT_SESSION_KEY_FILE: "/s/key",
    CLUSTERCONNECT_DOCUMENT_FILE: "/s/document",
    CLUSTERCONNECT_AUTH_PROXY: "a:1, [::1]:2",
    CLUSTERCONNECT_AUTH_PROXY_ALL: "b:3",
    CLUSTERCONNECT_CA_FILE: "/ca.pem",
    CLUSTERCONNECT_HEALTH_LISTEN: "0.0.0.0:0",
    HTTPS_PROXY: "http://proxy:3128",
  }
  const settings = tunnelSettings(none, env)
  expect(settings).toEqual({
    relayUrl: "https://relay.example.com",
    cluster: "edge-1",
    files: { sessionKeyFile: "/s/key", documentFile: "/s/document" },
    authProxies: [
      { host: "a", port: 1 },
      { host: "::1", port: 2 },
    ],
    allAuthProxies: [{ host: "b", port: 3 }],
    caFiles: ["/ca.pem"],
    proxy: { httpProxy: undefined, httpsProxy: "http://proxy:3128", noProxy: undefined },
    health: { host: "0.0.0.0", port: 0 },
  })
  expect(tunnelSettings({ ...none, relay: "https://other.example.com" }, env).relayUrl).toBe(
    "https://other.example.com",
  )
})

test("a relay in plain text is refused from the environment too, and taken on this machine", () => {
  expect(problems(flags, { CLUSTERCONNECT_RELAY: "http://10.0.0.7:8080" }).join()).toContain("plain text")
  expect(tunnelSettings({ ...flags, relay: "http://127.0.0.1:8080" }, {}).relayUrl).toBe("http://127.0.0.1:8080")
})

test("everything that is missing is named at once", () => {
  expect(problems(none).map((problem) => problem.split(" ")[0])).toEqual([
    "--session-key",
    "--document",
    "--auth-proxy",
  ])
})

describe("refused is", () => {
  test.each([
    ["a relay with a path", { ...flags, relay: "https://relay/x" }],
    ["a relay in plain text", { ...flags, relay: "http://relay.example.com" }],
    ["a cluster name that is none", { ...flags, cluster: "Edge" }],
    ["an auth proxy without port", { ...flags, authProxy: ["auth.svc"] }],
    ["a health address without host", { ...flags, healthListen: ":80" }],
  ])("%s", (_, given) => {
    expect(problems(given).length).toBe(1)
  })
  test.each(["a", "a:", ":1", "a:0", "a:65536", "a:1:2", "::1:2", "[a]b:1", "a/b:1", "user@a:1", "http://a:1"])(
    "the target %s",
    (text) => {
      expect(() => target("--auth-proxy", text)).toThrow(TypeError)
    },
  )
})
