import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import type { JwtEntry } from "./JwtEntry.ts"
import { precheck, sourceFor } from "./precheck.ts"

const now = 1_800_000_000
const entry: JwtEntry = {
  name: "main",
  issuer: { url: "https://idp.example.com", audiences: ["clusterconnect:relay.example.com/edge-1", "other"] },
  claimMappings: { username: { claim: "email", prefix: "oidc:" } },
}
const header = { alg: "RS256", kid: "k", typ: "JWT" }
const claims = {
  iss: "https://idp.example.com",
  sub: "1",
  email: "a@example.com",
  aud: "clusterconnect:relay.example.com/edge-1",
  iat: now,
  exp: now + 300,
}
const outcome = (headerChanges: object, claimChanges: object, one = entry) => {
  const result = precheck(
    { header: { ...header, ...headerChanges }, claims: { ...claims, ...claimChanges } },
    one,
    now * 1000,
  )
  return Either.isLeft(result) ? result.left._tag : "passes"
}

test("a token that passes gives issuer, subject, audiences and expiry", () => {
  expect(Either.getOrThrow(precheck({ header, claims }, entry, now * 1000))).toEqual({
    issuer: "https://idp.example.com",
    subject: "1",
    audiences: ["clusterconnect:relay.example.com/edge-1"],
    expiresAtMillis: (now + 300) * 1000,
  })
})

describe("the issuer is found by exactly its iss:", () => {
  const entries = new Map([[entry.issuer.url, entry]])
  const found = (iss: unknown) => {
    const result = sourceFor({ header, claims: { iss } }, entries)
    return Either.isLeft(result) ? result.left._tag : result.right.name
  }
  test("equal", () => expect(found("https://idp.example.com")).toBe("main"))
  for (const iss of [
    "https://idp.example.com/",
    "https://IDP.example.com",
    "https://idp.example.com:443",
    "http://idp.example.com",
    " https://idp.example.com",
    "__proto__",
  ])
    test(`${iss} is TokenIssuerUnknown`, () => expect(found(iss)).toBe("TokenIssuerUnknown"))
  for (const iss of [undefined, ""]) test(`${iss} is missing`, () => expect(found(iss)).toBe("TokenClaimMissing"))
  for (const iss of [1, null, ["https://idp.example.com"]])
    test(`${JSON.stringify(iss)} is malformed`, () => expect(found(iss)).toBe("TokenClaimMalformed"))
})

describe("header:", () => {
  const table: readonly (readonly [object, string])[] = [
    [{}, "passes"],
    [{ typ: undefined }, "passes"],
    [{ typ: "at+jwt" }, "passes"],
    [{ typ: "application/at+JWT" }, "passes"],
    [{ typ: "logout+jwt" }, "TokenTypeRefused"],
    [{ typ: "dpop+jwt" }, "TokenTypeRefused"],
    [{ typ: "" }, "TokenTypeRefused"],
    [{ typ: 1 }, "TokenTypeRefused"],
    [{ kid: undefined }, "passes"],
    [{ kid: 1 }, "TokenMalformed"],
    [{ crit: ["exp"] }, "TokenCriticalHeader"],
    [{ crit: undefined }, "TokenCriticalHeader"],
    [{ jku: "https://evil.example.com", x5u: "https://evil.example.com", jwk: {} }, "passes"],
    [{ alg: "none" }, "TokenAlgorithmRefused"],
    [{ alg: "None" }, "TokenAlgorithmRefused"],
    [{ alg: "rs256" }, "TokenAlgorithmRefused"],
    [{ alg: "HS256" }, "TokenAlgorithmRefused"],
    [{ alg: "ES256" }, "TokenAlgorithmRefused"],
    [{ alg: ["RS256"] }, "TokenAlgorithmRefused"],
    [{ alg: undefined }, "TokenAlgorithmRefused"],
  ]
  for (const [changes, expected] of table)
    test(`${JSON.stringify(changes)} ${expected}`, () => expect(outcome(changes, {})).toBe(expected))
  test("an algorithm passes where it is configured, and then RS256 does not by itself", () => {
    const elliptic = { ...entry, algorithms: ["ES256"] } as const
    expect(outcome({ alg: "ES256" }, {}, elliptic)).toBe("passes")
    expect(outcome({}, {}, elliptic)).toBe("TokenAlgorithmRefused")
  })
})

describe("audience:", () => {
  const table: readonly (readonly [unknown, string])[] = [
    ["clusterconnect:relay.example.com/edge-1", "passes"],
    [["x", "other"], "passes"],
    ["clusterconnect:relay.example.com/edge-2", "TokenAudienceRefused"],
    ["clusterconnect:relay.example.com", "TokenAudienceRefused"],
    ["clusterconnect:relay.example.com/edge-1/", "TokenAudienceRefused"],
    ["clusterconnect:relay.example.com/edge-1 other", "TokenAudienceRefused"],
    ["Other", "TokenAudienceRefused"],
    [[""], "TokenAudienceRefused"],
    [[], "TokenClaimMissing"],
    ["", "TokenClaimMissing"],
    [undefined, "TokenClaimMissing"],
    [{ other: true }, "TokenClaimMalformed"],
    [["other", 1], "TokenClaimMalformed"],
  ]
  for (const [aud, expected] of table)
    test(`${JSON.stringify(aud)} ${expected}`, () => expect(outcome({}, { aud })).toBe(expected))
  test("an entry without audiences accepts nothing", () => {
    expect(outcome({}, {}, { ...entry, issuer: { url: entry.issuer.url } })).toBe("TokenAudienceRefused")
  })
})

describe("times, with 30 s of tolerance:", () => {
  const table: readonly (readonly [object, string])[] = [
    [{ exp: now - 29 }, "passes"],
    [{ exp: now - 30 }, "TokenExpired"],
    [{ exp: 0 }, "TokenExpired"],
    [{ exp: -1 }, "TokenExpired"],
    [{ exp: 1e300 }, "passes"],
    [{ exp: -1e300 }, "TokenExpired"],
    [{ exp: undefined }, "TokenClaimMissing"],
    [{ exp: String(now + 300) }, "TokenClaimMalformed"],
    [{ exp: null }, "TokenClaimMalformed"],
    [{ nbf: now + 30 }, "passes"],
    [{ nbf: now + 31 }, "TokenNotYetValid"],
    [{ nbf: "soon" }, "TokenClaimMalformed"],
    [{ nbf: null }, "TokenClaimMalformed"],
    [{ iat: undefined }, "TokenClaimMissing"],
    [{ iat: "now" }, "TokenClaimMalformed"],
  ]
  for (const [changes, expected] of table)
    test(`${JSON.stringify(changes)} ${expected}`, () => expect(outcome({}, changes)).toBe(expected))
})

test("an expiry beyond all dates is still a date", () => {
  const facts = Either.getOrThrow(precheck({ header, claims: { ...claims, exp: 1e300 } }, entry, now * 1000))
  expect(new Date(facts.expiresAtMillis).toISOString()).toBe("+275760-09-13T00:00:00.000Z")
})

describe("claims that must be there:", () => {
  for (const claim of ["sub", "email"]) {
    test(`${claim} absent`, () => expect(outcome({}, { [claim]: undefined })).toBe("TokenClaimMissing"))
    test(`${claim} empty`, () => expect(outcome({}, { [claim]: "" })).toBe("TokenClaimMissing"))
    test(`${claim} no string`, () => expect(outcome({}, { [claim]: 7 })).toBe("TokenClaimMalformed"))
  }
})

test("what a message quotes from a token is escaped and bounded", () => {
  const aud = `a\n\u001b[31m${"x".repeat(5_000)}`
  const result = precheck({ header, claims: { ...claims, aud } }, entry, now * 1000)
  if (!Either.isLeft(result)) throw new Error("accepted")
  expect(result.left.message.length).toBeLessThan(600)
  expect(result.left.message).not.toMatch(/[\n\u001b]/)
})
