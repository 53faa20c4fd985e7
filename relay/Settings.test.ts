import { describe, expect, test } from "bun:test"
import { Either, Schema } from "effect"
import { RelayConfiguration } from "./configuration/RelayConfiguration.ts"
import { settingsOf } from "./Settings.ts"

const github = "https://token.actions.githubusercontent.com"
const settingsWith = (policy: object, issuer: object = {}) => {
  const issuers = [
    { name: "corp", issuer: { url: "https://id.example.com" } },
    { name: "gh", issuer: { url: github }, ...issuer },
  ]
  const policies = [{ clusters: ["*"], role: "connect", ...policy }]
  const file = {
    publicUrl: "https://relay.example.com",
    listen: "127.0.0.1:0",
    database: "x",
    issuers,
    policy: policies,
  }
  return settingsOf(Schema.decodeUnknownSync(RelayConfiguration)(file), [], "test")
}
const problems = (...given: Parameters<typeof settingsWith>) => {
  const settings = settingsWith(...given)
  return Either.isLeft(settings) ? settings.left.problems : []
}

describe("a policy entry of an issuer that signs for everybody", () => {
  for (const issuer of ["gh", github]) {
    test(`(${issuer}) without claims is refused, and the fault names the claims that would do`, () => {
      const [problem, ...more] = problems({ issuer })
      expect(more).toEqual([])
      expect(problem).toStartWith("policy.0.claims: MultiTenantIssuer: GitHub Actions ")
      expect(problem).toContain("repository_owner_id or repository_id")
    })
    test(`(${issuer}) with names that others could get is refused`, () => {
      expect(problems({ issuer, claims: { repository: ["acme/deploy"], sub: ["repo:acme/deploy"] } })).toHaveLength(1)
    })
    test(`(${issuer}) with an owner in its claims is accepted`, () => {
      expect(problems({ issuer, claims: { repository_owner_id: ["1", "2"] } })).toEqual([])
    })
    test(`(${issuer}) is accepted without claims where the issuer has a rule on the owner`, () => {
      const claimValidationRules = [{ claim: "repository_id", requiredValue: "1" }]
      expect(problems({ issuer }, { claimValidationRules })).toEqual([])
    })
  }
  test("is refused in every role", () => {
    for (const role of ["connect", "enrol", "admin"]) expect(problems({ issuer: "gh", role })).toHaveLength(1)
  })
})

test("a policy entry of an issuer of one's own needs no claims", () => {
  expect(problems({ issuer: "corp" })).toEqual([])
})

test("an issuer that is not a URL is left to those who check issuers", () => {
  expect(problems({ issuer: "gh" }, { issuer: { url: "no url" } })).toEqual([])
})

test("a name that looks like another issuer's URL does not take its place in the policy", () => {
  const misnamed = { name: "https://id.example.com", issuer: { url: "https://a.example" } }
  const { policy } = Either.getOrThrow(settingsWith({ issuer: "https://id.example.com" }, misnamed))
  const claimant = (issuer: string) => ({ issuer, subject: "s", claims: {} })
  expect(policy.knows(claimant("https://id.example.com"))).toBe(true)
  expect(policy.knows(claimant("https://a.example"))).toBe(false)
})

describe("a relay without tls", () => {
  const faults = (listen: string, more: object = {}) => {
    const file = { publicUrl: "https://relay.example.com", listen, database: "x", ...more }
    const settings = settingsOf(Schema.decodeUnknownSync(RelayConfiguration)(file), [], "test")
    return Either.isLeft(settings) ? settings.left.problems : []
  }
  test.each(["0.0.0.0:443", "[::]:443", "10.0.0.7:8080", "relay:80", "127.0.0.1.example.com:80", "127.0.0.999:80"])(
    "is refused at %s, where tokens would cross a network in plain text",
    (listen) => {
      expect(faults(listen)).toEqual([
        `listen: ${listen} without tls would take callers' tokens in plain text; expected tls, or tlsTerminatedElsewhere: true where something in front of it ends the TLS`,
      ])
    },
  )
  test.each(["127.0.0.1:8080", "127.8.0.1:0", "[::1]:8080", "localhost:8080", "LOCALHOST:80"])(
    "is fine at %s",
    (listen) => {
      expect(faults(listen)).toEqual([])
    },
  )
  test("is fine anywhere when the configuration says that TLS ends elsewhere, or with tls", () => {
    expect(faults("0.0.0.0:443", { tlsTerminatedElsewhere: true })).toEqual([])
    expect(faults("0.0.0.0:443", { tls: { certFile: "a", keyFile: "b" } })).toEqual([])
  })
})
