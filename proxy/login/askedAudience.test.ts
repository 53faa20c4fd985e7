import { describe, expect, test } from "bun:test"
import type { Profile } from "../profiles/Profile.ts"
import { askedAudience, loginParameters } from "./askedAudience.ts"

const profile: Profile = { relay: "https://relay.example", audienceIn: "scope", audienceScope: "a-{audience}/.default" }

test("an audience stands in its scope as it is, whatever signs it is made of", () => {
  for (const audience of ["api://x", "$&", "$'", "{audience}"])
    expect(askedAudience(profile, audience)).toEqual({ scope: `openid offline_access a-${audience}/.default` })
})

const relay = "https://relay.example"
const audiences = ["clusterconnect:relay.example", "clusterconnect:relay.example/edge-1"]

describe("an audience is asked for", () => {
  test.each([
    ["by RFC 8707, unless the profile says otherwise", { relay }, { resource: "a" }],
    ["by RFC 8707", { relay, audienceIn: "resource" }, { resource: "a" }],
    ["by a parameter", { relay, audienceIn: "audience" }, { audience: "a" }],
    ["as a scope of its own", { relay, audienceIn: "scope" }, { scope: "openid offline_access a" }],
    [
      "in a scope beside the profile's own",
      { relay, audienceIn: "scope", audienceScope: "{audience}/.default", scopes: ["email", "openid"] },
      { scope: "openid offline_access email a/.default" },
    ],
  ] as const)("%s", (_, way: Profile, parameters) => {
    expect(askedAudience(way, "a")).toEqual(parameters)
  })
})

describe("a login asks", () => {
  test("for all audiences where RFC 8707 lets it, for the first one elsewhere, for none without any", () => {
    const asked = (way: Profile, wanted = audiences) => [...loginParameters(way, wanted)]
    const scope = ["scope", "openid offline_access"]
    expect(asked({ relay })).toEqual([scope, ...audiences.map((one) => ["resource", one])] as [string, string][])
    expect(asked({ relay, audienceIn: "audience" })).toEqual([scope, ["audience", audiences[0]]] as [string, string][])
    expect(asked({ relay, audienceIn: "scope", audienceScope: "to-{audience}" })).toEqual([
      ["scope", `openid offline_access to-${audiences[0]}`],
    ])
    for (const audienceIn of ["resource", "audience", "scope"] as const)
      expect(asked({ relay, audienceIn }, [])).toEqual([scope] as [string, string][])
  })
})
