import { expect, test } from "bun:test"
import { NotAuthenticated, PathBroken, proxyClosing } from "../failures.ts"
import { pathRefusal } from "./pathRefusal.ts"

const at = (cluster: string, profile?: string) => ({ cluster, relay: "https://relay.example.com", profile })

test("a refusal of the path names the cluster, and how to look further at the relay that it was tried through", () => {
  const broken = new PathBroken({ hop: "agent", cause: "NoAgent", detail: "no agent of the cluster is connected" })
  expect(pathRefusal(at("edge-1"), broken)).toEqual({
    code: 503,
    hop: "agent",
    cause: "NoAgent",
    message:
      "cluster edge-1: no agent of the cluster is connected; see: clusterconnect doctor edge-1 --relay https://relay.example.com",
  })
})

test("the command names the profile where there is one: several may be for one relay", () => {
  const broken = new PathBroken({ hop: "agent", cause: "NoAgent", detail: "no agent of the cluster is connected" })
  expect(pathRefusal(at("edge-1", "admin"), broken).message).toBe(
    "cluster edge-1: no agent of the cluster is connected; see: clusterconnect doctor edge-1 --profile admin",
  )
})

test("a cluster that the words name already is not named twice", () => {
  const detail = "cluster edge-1 refuses the token."
  const refused = new NotAuthenticated({ hop: "auth-proxy", cause: "TokenRefused", detail })
  expect(pathRefusal(at("edge-1"), refused).message).toBe(
    "cluster edge-1 refuses the token; see: clusterconnect doctor edge-1 --relay https://relay.example.com",
  )
  expect(pathRefusal(at("edge"), refused).message).toStartWith("cluster edge: cluster edge-1")
})

test("a proxy that ends is no reason to look for what is broken", () => {
  expect(pathRefusal(at("edge-1"), proxyClosing()).message).toBe("the proxy is closing")
})
