import { expect, test } from "bun:test"
import { namesOf } from "./namesOf.ts"
import { childrenInput, writtenSpec } from "./testing/childrenInput.ts"

const named = (...[changes]: Parameters<typeof childrenInput>) => namesOf(childrenInput(changes).resource.spec)

test("names that a spec leaves out follow from the relay and the cluster", () =>
  expect(named()).toEqual({
    relayUrl: "https://relay.example.com:8443",
    relayAudiences: ["clusterconnect:relay.example.com:8443"],
    clusterAudience: "clusterconnect:relay.example.com:8443/edge-1",
    audiences: { "https://idp.example.com": "clusterconnect:relay.example.com:8443/edge-1" },
  }))

test("names that a spec lists stay, and clients ask for the first that an entry accepts", () => {
  const [entry] = writtenSpec.authentication.jwt
  const jwt = [{ ...entry!, issuer: { ...entry!.issuer, audiences: ["a", "b"] } }]
  expect(named({ relay: { ...writtenSpec.relay, audiences: ["r", "s"] }, authentication: { jwt } })).toMatchObject({
    relayAudiences: ["r", "s"],
    audiences: { "https://idp.example.com": "a" },
  })
})
