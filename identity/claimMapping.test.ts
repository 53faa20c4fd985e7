import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import fc from "fast-check"
import { callerOf } from "./claimMapping.ts"
import type { JwtEntry } from "./JwtEntry.ts"

const entryWith = (claimMappings: JwtEntry["claimMappings"]): JwtEntry => ({
  name: "main",
  issuer: { url: "https://idp.example.com", audiences: ["a"] },
  claimMappings,
})
const entry = entryWith({
  username: { claim: "sub", prefix: "oidc:" },
  groups: { claim: "groups", prefix: "oidc:" },
  uid: { claim: "oid" },
})
const outcome = (claims: Record<string, unknown>, one = entry) =>
  callerOf(one, { claims: { sub: "alice", oid: "u-1", ...claims }, tokenId: "t-1" })
const tagOf = (claims: Record<string, unknown>, one = entry) => {
  const result = outcome(claims, one)
  return Either.isLeft(result) ? result.left._tag : "accepted"
}

test("username, groups, uid and the token's id are mapped", () => {
  expect(Either.getOrThrow(outcome({ groups: ["dev", "ops"] }))).toEqual({
    username: "oidc:alice",
    groups: ["oidc:dev", "oidc:ops"],
    uid: "u-1",
    extra: { "clusterconnect.dev/token-id": ["t-1"] },
  })
})

test("without a mapping there are no groups and no uid, whatever the token says", () => {
  const plain = entryWith({ username: { claim: "sub", prefix: "p-" } })
  expect(Either.getOrThrow(outcome({ groups: ["system:masters"], hasgroups: true }, plain))).toMatchObject({
    username: "p-alice",
    groups: [],
    uid: undefined,
  })
})

describe("groups (S4)", () => {
  test("with commas stay one group each", () => {
    expect(Either.getOrThrow(outcome({ groups: ["a,b", "c, d"] })).groups).toEqual(["oidc:a,b", "oidc:c, d"])
  })
  test("500 of them are all there, in order", () => {
    const groups = Array.from({ length: 500 }, (_, index) => `g${index}`)
    expect(Either.getOrThrow(outcome({ groups })).groups).toEqual(groups.map((group) => `oidc:${group}`))
  })
  test("a single string is one group", () => {
    expect(Either.getOrThrow(outcome({ groups: "a,b" })).groups).toEqual(["oidc:a,b"])
  })
  test("an absent claim and an empty list are no groups", () => {
    for (const groups of [undefined, []]) expect(Either.getOrThrow(outcome({ groups })).groups).toEqual([])
  })
  for (const groups of [null, 1, true, {}, { 0: "a" }, ["a", 1], ["a", null], [["a"]], [{}]])
    test(`${JSON.stringify(groups)} is refused`, () => expect(tagOf({ groups })).toBe("TokenClaimMalformed"))
  test("one that is unusable refuses all", () => expect(tagOf({ groups: ["a", "b\r\nc"] })).toBe("GroupInvalid"))
  test("one that is empty refuses all", () => expect(tagOf({ groups: ["a", ""] })).toBe("GroupInvalid"))
  test("one that is empty as a single string is refused", () => expect(tagOf({ groups: "" })).toBe("GroupInvalid"))
})

describe("names (S3)", () => {
  const system = entryWith({ username: { claim: "sub", prefix: "sys" }, groups: { claim: "groups", prefix: "sys" } })
  test("a username that the prefix makes reserved is refused", () =>
    expect(tagOf({ sub: "tem:admin" }, system)).toBe("UsernameReserved"))
  test("a group that the prefix makes reserved is refused", () =>
    expect(tagOf({ groups: ["a", "tem:masters"] }, system)).toBe("GroupReserved"))
  const bare = entryWith({ username: { claim: "sub", prefix: "" }, groups: { claim: "groups", prefix: "" } })
  for (const name of ["system:masters", "system:x", "kubeadm:cluster-admins", "kubernetes-admin"]) {
    test(`${name} as user, were there no prefix`, () => expect(tagOf({ sub: name }, bare)).toBe("UsernameReserved"))
    test(`${name} as group, were there no prefix`, () => expect(tagOf({ groups: [name] }, bare)).toBe("GroupReserved"))
  }
  for (const sub of [" alice", "alice ", "\talice", "a\r\nb", "a\0", "x".repeat(2048), "\ud800"]) {
    test(`the username ${JSON.stringify(sub).slice(0, 20)} is refused`, () =>
      expect(tagOf({ sub })).toBe("UsernameInvalid"))
    test(`the group ${JSON.stringify(sub).slice(0, 20)} is refused`, () =>
      expect(tagOf({ groups: [sub] })).toBe("GroupInvalid"))
    test(`the uid ${JSON.stringify(sub).slice(0, 20)} is refused`, () => expect(tagOf({ oid: sub })).toBe("UidInvalid"))
  }
  test("an empty or absent username or uid is missing", () => {
    for (const claim of ["sub", "oid"])
      for (const value of ["", undefined]) expect(tagOf({ [claim]: value })).toBe("TokenClaimMissing")
  })
  test("a username or uid that is no string is malformed", () => {
    for (const claim of ["sub", "oid"]) expect(tagOf({ [claim]: 1 })).toBe("TokenClaimMalformed")
  })
  test("names beyond ASCII pass unchanged", () => {
    expect(Either.getOrThrow(outcome({ sub: "Zoë 日本" })).username).toBe("oidc:Zoë 日本")
  })
  test("the username claim is the token's own member, not a prototype's", () => {
    const odd = entryWith({ username: { claim: "constructor", prefix: "oidc:" } })
    expect(tagOf({}, odd)).toBe("TokenClaimMissing")
  })
})

describe("email as the username", () => {
  const mail = entryWith({ username: { claim: "email", prefix: "oidc:" } })
  const email = "a@example.com"
  test("passes when verified or when the token does not say", () => {
    expect(tagOf({ email, email_verified: true }, mail)).toBe("accepted")
    expect(tagOf({ email }, mail)).toBe("accepted")
  })
  for (const email_verified of [false, "true", 1, null, undefined, ""])
    test(`is refused when email_verified is ${JSON.stringify(email_verified)}`, () =>
      expect(tagOf({ email, email_verified }, mail)).toBe("EmailNotVerified"))
  test("email_verified does not matter for another claim", () =>
    expect(tagOf({ email_verified: false })).toBe("accepted"))
})

describe("too many groups for the token", () => {
  for (const claims of [
    { _claim_names: { groups: "src1" }, _claim_sources: { src1: { endpoint: "https://graph.example.com" } } },
    { hasgroups: true },
    { hasgroups: "true" },
    { groups: ["a"], _claim_names: { groups: "src1" } },
  ])
    test(`${JSON.stringify(claims)} is explained with 403`, () => {
      const result = outcome(claims)
      if (!Either.isLeft(result)) throw new Error("accepted")
      expect([result.left._tag, result.left.httpStatus]).toEqual(["GroupsOverage", 403])
      expect(result.left.message).toContain("too many")
    })
  test("markers for another mapped claim count too", () => {
    const roles = entryWith({ username: { claim: "sub", prefix: "p" }, groups: { claim: "roles", prefix: "p" } })
    expect(tagOf({ _claim_names: { roles: "src1" } }, roles)).toBe("GroupsOverage")
  })
  test("hasgroups false is no marker", () => expect(tagOf({ hasgroups: false, groups: [] })).toBe("accepted"))
})

test("whatever the claims are, a caller has the prefixes and no reserved or unusable name, and nothing throws", () => {
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("system:masters", "a\r\nb", " "),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(value, fc.oneof(value, fc.array(value)), value, (sub, groups, oid) => {
      const result = outcome({ sub, groups, oid })
      if (Either.isLeft(result)) return
      const { username, groups: mapped, uid } = result.right
      expect(username).toBe(`oidc:${sub}`)
      for (const name of [username, ...mapped]) expect(name).toMatch(/^oidc:[^\s\p{Cc}]([^\p{Cc}]*[^\s\p{Cc}])?$/u)
      expect(mapped.length).toBe(Array.isArray(groups) ? groups.length : 1)
      expect(uid).toBe(oid as string)
    }),
  )
})
