import { expect, test } from "bun:test"
import { Either } from "effect"
import { readClaims } from "./readClaims.ts"

const token = (claims: unknown) =>
  [{ alg: "RS256" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".")
    .concat(".AA")

test("issuer, subject, audiences and expiry are read without verifying", () => {
  const read = Either.getOrThrow(readClaims(token({ iss: "i", sub: "s", aud: ["a", "b"], exp: 1_800_000_000 })))
  expect(read).toMatchObject({ issuer: "i", subject: "s", audiences: ["a", "b"] })
  expect(read.expiresAt).toEqual(new Date(1_800_000_000_000))
})

test("claims that are absent or of another kind are left out", () => {
  for (const claims of [{}, { iss: "", sub: 1, aud: 7, exp: "soon" }])
    expect(Either.getOrThrow(readClaims(token(claims)))).toMatchObject({
      issuer: undefined,
      subject: undefined,
      audiences: [],
      expiresAt: undefined,
    })
})

test("an opaque, an encrypted and an ambiguous token are refused", () => {
  const tagOf = (text: string) => Either.getOrThrow(Either.flip(readClaims(text)))._tag
  expect(tagOf("opaque-token")).toBe("TokenMalformed")
  expect(tagOf("a.b.c.d.e")).toBe("TokenMalformed")
  const twice = Buffer.from('{"aud":"relay","aud":"cluster"}').toString("base64url")
  expect(tagOf(`${Buffer.from("{}").toString("base64url")}.${twice}.AA`)).toBe("TokenDuplicateKey")
})
