import { describe, expect, test } from "bun:test"
import { Either, Schema } from "effect"
import { JwtEntry } from "./JwtEntry.ts"
import { checkEntries, withDefaultAudience } from "./mappingFaults.ts"

const raw = (changes: Record<string, unknown> = {}, name = "main") => ({
  name,
  issuer: { url: `https://${name}.example.com`, audiences: ["a"] },
  claimMappings: { username: { claim: "sub", prefix: `${name}:` }, groups: { claim: "groups", prefix: `${name}:` } },
  ...changes,
})
const decode = Schema.decodeUnknownEither(Schema.Array(JwtEntry), { onExcessProperty: "error" })
/** `Name field` of every fault. */
const faultsOf = (...entries: readonly unknown[]) => {
  const checked = checkEntries(Either.getOrThrow(decode(entries)))
  return Either.isLeft(checked) ? checked.left.faults.map((fault) => `${fault._tag} ${fault.field}`) : []
}

test("entries that are complete are accepted", () => {
  expect(faultsOf(raw(), raw({}, "second"))).toEqual([])
})

test("a field that nobody knows does not decode", () => {
  expect(Either.isLeft(decode([raw({ audience: "a" })]))).toBe(true)
  expect(Either.isLeft(decode([raw({ issuer: { url: "https://a.example", audience: "a" } })]))).toBe(true)
})

test("no algorithm with a shared secret, no unknown one and no empty list decodes", () => {
  for (const algorithms of [["none"], ["HS256"], ["RS256", "HS512"], ["RS1"], []])
    expect(Either.isLeft(decode([raw({ algorithms })]))).toBe(true)
  expect(faultsOf(raw({ algorithms: ["RS256", "ES256", "ES384", "PS256", "EdDSA"] }))).toEqual([])
})

describe("a field that is declared but not evaluated is refused by its name", () => {
  const mapped = (changes: object) => raw({ claimMappings: { ...raw().claimMappings, ...changes } })
  const issued = (changes: object) => raw({ issuer: { ...raw().issuer, ...changes } })
  const table: readonly (readonly [string, unknown])[] = [
    ["claimMappings.username.expression", mapped({ username: { expression: "claims.sub" } })],
    [
      "claimMappings.username.expression",
      mapped({ username: { claim: "sub", prefix: "p", expression: "claims.sub" } }),
    ],
    ["claimMappings.groups.expression", mapped({ groups: { expression: "claims.groups" } })],
    ["claimMappings.uid.expression", mapped({ uid: { expression: "claims.sub" } })],
    ["claimMappings.extra[0].valueExpression", mapped({ extra: [{ key: "a.dev/b", valueExpression: "claims.b" }] })],
    ["claimMappings.extra[0].valueExpression", mapped({ extra: [{ key: "a.dev/b" }] })],
    ["claimValidationRules[0].expression", raw({ claimValidationRules: [{ expression: "claims.a == 'b'" }] })],
    [
      "claimValidationRules[0].message",
      raw({ claimValidationRules: [{ claim: "a", requiredValue: "b", message: "m" }] }),
    ],
    ["userValidationRules[0]", raw({ userValidationRules: [{ expression: "user.username != 'a'" }] })],
    ["issuer.egressSelectorType", issued({ egressSelectorType: "cluster" })],
  ]
  for (const [field, entry] of table)
    test(field, () => expect(faultsOf(entry)).toEqual([`FieldNotSupported jwt[0].${field}`]))
})

describe("names and issuers", () => {
  test("an entry has a name", () => expect(faultsOf(raw({ name: " " }))).toEqual(["EntryNameInvalid jwt[0].name"]))
  test("a name and an issuer are used once", () => {
    const other = { ...raw({}, "second"), name: "main", issuer: raw().issuer }
    expect(faultsOf(raw(), other)).toEqual(["EntryNameInvalid jwt[1].name", "DuplicateIssuer jwt[1].issuer.url"])
  })
  for (const url of [
    "http://a.example",
    "https://user@a.example",
    "https://:password@a.example",
    "https://a.example?b",
    "https://a.example#b",
    "https://a.example/ b",
    "a.example",
    "",
    "file:///a",
  ])
    test(`the issuer ${url} is refused`, () =>
      expect(faultsOf(raw({ issuer: { url, audiences: ["a"] } }))).toEqual(["IssuerUrlInvalid jwt[0].issuer.url"]))
  for (const discoveryURL of ["http://a.example/x", "https://main.example.com", "https://a.example?x", ""])
    test(`the discoveryURL ${discoveryURL} is refused`, () =>
      expect(faultsOf(raw({ issuer: { ...raw().issuer, discoveryURL } }))).toEqual([
        "DiscoveryUrlInvalid jwt[0].issuer.discoveryURL",
      ]))
  for (const url of [
    "https://localhost",
    "https://127.1/x",
    "https://[::1]",
    "https://169.254.169.254",
    "https://0x7f000001",
  ]) {
    test(`the address of ${url} is refused`, () =>
      expect(faultsOf(raw({ issuer: { url, audiences: ["a"] } }))).toEqual(["IssuerHostRefused jwt[0].issuer.url"]))
    test(`the address of ${url} is accepted with allowLoopback`, () =>
      expect(faultsOf(raw({ issuer: { url, audiences: ["a"] }, allowLoopback: true }))).toEqual([]))
  }
  test("with a discoveryURL it is that one's address that counts, with inline keys none", () => {
    const url = "https://localhost"
    const discoveryURL = "https://a.example/x"
    expect(faultsOf(raw({ issuer: { url, discoveryURL, audiences: ["a"] } }))).toEqual([])
    expect(
      faultsOf(raw({ issuer: { url: discoveryURL, discoveryURL: "https://127.0.0.1/", audiences: ["a"] } })),
    ).toEqual(["IssuerHostRefused jwt[0].issuer.discoveryURL"])
    const jwks = { keys: [{ kty: "RSA", n: "AQAB", e: "AQAB" }] }
    expect(faultsOf(raw({ issuer: { url, jwks, audiences: ["a"] } }))).toEqual([])
  })
})

describe("audiences, authority and inline keys", () => {
  const issued = (changes: object) => faultsOf(raw({ issuer: { ...raw().issuer, ...changes } }))
  for (const audiences of [undefined, [], [""], ["a", ""]])
    test(`audiences ${JSON.stringify(audiences)} are refused`, () =>
      expect(issued({ audiences })).toEqual(["AudiencesMissing jwt[0].issuer.audiences"]))
  test("the cluster's audience is the default", () => {
    const entries = Either.getOrThrow(decode([raw({ issuer: { url: "https://a.example" } }), raw({}, "second")]))
    expect(withDefaultAudience(entries, "mine").map((entry) => entry.issuer.audiences)).toEqual([["mine"], ["a"]])
  })
  for (const certificateAuthority of ["", "not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    test(`the authority ${JSON.stringify(certificateAuthority)} is refused`, () =>
      expect(issued({ certificateAuthority })).toEqual([
        "CertificateAuthorityInvalid jwt[0].issuer.certificateAuthority",
      ]))
  test("inline keys are an object or its JSON", () => {
    const jwks = { keys: [{ kty: "EC", crv: "P-256", x: "AA", y: "AA" }] }
    expect(issued({ jwks })).toEqual([])
    expect(issued({ jwks: JSON.stringify(jwks) })).toEqual([])
    expect(Either.isLeft(decode([raw({ issuer: { ...raw().issuer, jwks: "{" } })]))).toBe(true)
    expect(Either.isLeft(decode([raw({ issuer: { ...raw().issuer, jwks: {} } })]))).toBe(true)
  })
  test("no inline keys at all are refused", () =>
    expect(issued({ jwks: { keys: [] } })).toEqual(["InlineKeysInvalid jwt[0].issuer.jwks"]))
  for (const key of [{}, { kty: "oct", k: "AA" }, { kty: "RSA", n: "AA", e: "AA", d: "secret-part" }])
    test(`the inline key of kty ${key.kty} with ${Object.keys(key)} is refused`, () =>
      expect(issued({ jwks: { keys: [key] } })).toEqual(["InlineKeysInvalid jwt[0].issuer.jwks.keys[0]"]))
})

describe("claim validation rules", () => {
  for (const rule of [
    {},
    { claim: "a" },
    { claim: "", requiredValue: "b" },
    { requiredValue: "b" },
    { claim: "a", requiredValue: "" },
    { claim: "a", requiredValues: [] },
    { claim: "a", requiredValues: ["b", ""] },
  ])
    test(`${JSON.stringify(rule)} is refused`, () =>
      expect(faultsOf(raw({ claimValidationRules: [rule] }))).toEqual([
        "ClaimRuleIncomplete jwt[0].claimValidationRules[0]",
      ]))
})

describe("prefixes and claims", () => {
  const mapped = (claimMappings: object) => faultsOf(raw({ claimMappings }))
  test("username and groups have one each", () => {
    expect(mapped({ username: { claim: "sub" }, groups: { claim: "groups", prefix: "" } })).toEqual([
      "PrefixMissing jwt[0].claimMappings.username.prefix",
      "PrefixMissing jwt[0].claimMappings.groups.prefix",
    ])
  })
  test("the claims have names", () => {
    expect(mapped({ username: { prefix: "p" }, groups: { claim: "", prefix: "p" }, uid: {} })).toEqual([
      "ClaimNameMissing jwt[0].claimMappings.username.claim",
      "ClaimNameMissing jwt[0].claimMappings.groups.claim",
      "ClaimNameMissing jwt[0].claimMappings.uid.claim",
    ])
  })
  for (const prefix of ["system:", "system:x", "kubeadm:", " p", "p\n", "x".repeat(1100)])
    test(`the prefix ${JSON.stringify(prefix).slice(0, 20)} is refused`, () =>
      expect(mapped({ username: { claim: "sub", prefix } })).toEqual([
        "PrefixInvalid jwt[0].claimMappings.username.prefix",
      ]))
  for (const [one, two] of [
    ["oidc:", "oidc:"],
    ["oidc:", "oidc:ci:"],
    ["oidc:ci:", "oidc:"],
  ])
    test(`${one} and ${two} could make the same name`, () => {
      const withPrefix = (prefix: string | undefined, name: string) =>
        raw({ claimMappings: { username: { claim: "sub", prefix }, groups: { claim: "groups", prefix } } }, name)
      expect(faultsOf(withPrefix(one, "main"), withPrefix(two, "second"))).toEqual([
        "PrefixOverlap jwt[1].claimMappings.username.prefix",
        "PrefixOverlap jwt[1].claimMappings.groups.prefix",
      ])
    })
  test("users and groups may have the same prefix: they are different kinds of names", () => {
    expect(mapped({ username: { claim: "sub", prefix: "p" }, groups: { claim: "groups", prefix: "p" } })).toEqual([])
  })
})

describe("issuers that sign for everybody need a rule on an owner", () => {
  const github = "https://token.actions.githubusercontent.com"
  for (const [url, claim] of [
    [github, "repository_owner_id"],
    ["https://gitlab.com", "namespace_id"],
    ["https://login.microsoftonline.com/common/v2.0", "tid"],
    ["https://login.microsoftonline.com/organizations/v2.0", "tid"],
    ["https://login.microsoftonline.com/consumers/v2.0", "tid"],
    ["https://login.microsoftonline.com/Common/v2.0", "tid"],
    ["https://login.microsoftonline.us/common/v2.0", "tid"],
    ["https://sts.windows.net/common/", "tid"],
    ["https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", "tid"],
    ["https://accounts.google.com", "hd"],
    ["https://accounts.google.com", "sub"],
    ["https://accounts.google.com", "email"],
    ["https://agent.buildkite.com", "organization_id"],
    ["https://app.terraform.io", "terraform_organization_id"],
  ] as const) {
    const issuer = { url, audiences: ["a"] }
    test(`${url} without one is refused`, () =>
      expect(faultsOf(raw({ issuer }))).toEqual(["MultiTenantIssuer jwt[0].issuer.url"]))
    test(`${url} with a rule on a name is refused`, () =>
      expect(
        faultsOf(raw({ issuer, claimValidationRules: [{ claim: "repository_owner", requiredValue: "acme" }] })),
      ).toEqual(["MultiTenantIssuer jwt[0].issuer.url"]))
    test(`${url} with a rule on ${claim} is accepted`, () =>
      expect(faultsOf(raw({ issuer, claimValidationRules: [{ claim, requiredValues: ["123"] }] }))).toEqual([]))
  }
  for (const url of [
    "https://TOKEN.actions.githubusercontent.com/",
    "https://token.actions.githubusercontent.com:443",
    "https://gitlab.com/",
    "https://Accounts.Google.com/",
    "https://agent.buildkite.com:443",
    "https://app.terraform.io/",
  ])
    test(`another spelling does not help: ${url}`, () =>
      expect(faultsOf(raw({ issuer: { url, audiences: ["a"] } }))).toEqual(["MultiTenantIssuer jwt[0].issuer.url"]))
  for (const url of [
    "https://login.microsoftonline.com/3f1c2a52-9b1e-4c5f-8a7e-0d9b8c7a6f5e/v2.0",
    "https://gitlab.example.com",
    "https://terraform.example.com",
    "https://token.actions.githubusercontent.com/acme",
  ])
    test(`an issuer of one owner needs none: ${url}`, () =>
      expect(faultsOf(raw({ issuer: { url, audiences: ["a"] } }))).toEqual([]))
})

test("the message of a refused configuration names every field and what to do", () => {
  const checked = checkEntries(
    Either.getOrThrow(decode([raw({ name: "", userValidationRules: [{ expression: "x" }] })])),
  )
  if (Either.isRight(checked)) throw new Error("accepted")
  expect(checked.left.message).toContain("jwt[0].name: ")
  expect(checked.left.message).toContain(
    "jwt[0].userValidationRules[0]: this field is not evaluated by ClusterConnect; remove it",
  )
})
