import { expect, test } from "bun:test"
import { resolve } from "node:path"
import { UsageWrong } from "../failures.ts"
import { type LoginFlags, loginAudiences, loginProfile } from "./loginProfile.ts"
import { profileNamePattern } from "./Profile.ts"

const flags: LoginFlags = {
  clusters: ["edge-1", "edge-2"],
  profile: undefined,
  relay: "https://relay.example:8443",
  issuer: "https://idp.example",
  clientId: "c",
  scopes: [],
  audienceIn: undefined,
  audienceScope: undefined,
  use: undefined,
  skipConsent: false,
  relayAudience: undefined,
  audience: undefined,
  singleAudience: false,
  caFile: undefined,
}

test("a login asks for the relay's audience and each cluster's own, or what the user named", () => {
  const { profile } = loginProfile({ ...flags, audience: "edge-2=named" }, undefined)
  expect(loginAudiences(profile)).toEqual([
    "clusterconnect:relay.example:8443",
    "clusterconnect:relay.example:8443/edge-1",
    "named",
  ])
  expect(loginAudiences({ ...profile, singleAudience: true })).toEqual(["clusterconnect:relay.example:8443"])
})

test.each([
  ["X", []],
  ["edge-1=X", []],
  ["edge-2=X", ["edge-1"]],
  ["edge-1=X,edge-2=Y", ["edge-1"]],
])("--audience %s is refused for clusters %p: it would be forgotten", (audience, clusters) => {
  expect(() => loginProfile({ ...flags, clusters, audience }, undefined)).toThrow(
    "each value is for a cluster of this login",
  )
})

test("an issuer is its own URL, not its discovery document's", () => {
  for (const [issuer, said] of [
    ["https://idp.example/.well-known/openid-configuration", "without /.well-known/"],
    ["http://idp.example", "https URL"],
    ["idp.example", "https URL"],
  ] as const)
    expect(() => loginProfile({ ...flags, issuer }, undefined)).toThrow(said)
})

test("the file of authorities is remembered with its folder, since the profile is used in others", () => {
  expect(loginProfile({ ...flags, caFile: "ca.crt" }, undefined).profile.caFile).toBe(resolve("ca.crt"))
})

test("a profile is called after its relay's host, and always has a name that can be saved", () => {
  const named = (relay: string) => loginProfile({ ...flags, relay }, undefined).name
  expect(named("https://relay.example:8443")).toBe("relay.example-8443")
  const long = `https://${"a".repeat(60)}.${"b".repeat(60)}.example`
  const odd = [
    "https://[2001:db8::7]",
    "https://[2001:db8::7]:8443",
    "https://[::1]",
    "https://[1::]",
    long,
    `${long}:1`,
  ]
  for (const relay of odd) expect(named(relay)).toMatch(profileNamePattern)
  expect(new Set(odd.map(named)).size).toBe(odd.length)
})

test("a name that cannot be saved is refused before anybody logs in", () => {
  for (const profile of ["my work", "", "-x", "a".repeat(64)])
    expect(() => loginProfile({ ...flags, profile }, undefined)).toThrow(UsageWrong)
})
