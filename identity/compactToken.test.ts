import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import fc from "fast-check"
import { audiencesOf, compactToken, maximumTokenBytes, requiredSeconds, requiredString } from "./compactToken.ts"

const refusalOf = (token: string): string | undefined => {
  const result = compactToken(token)
  return Either.isLeft(result) ? result.left._tag : undefined
}
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const good = `${part({ alg: "RS256" })}.${part({ sub: "a" })}.c2ln`

test("header and claims of a compact JWS are decoded", () => {
  expect(Either.getOrThrow(compactToken(good))).toEqual({ header: { alg: "RS256" }, claims: { sub: "a" } })
})

describe("refused without any key:", () => {
  const table: readonly (readonly [string, string, string])[] = [
    ["nothing", "", "TokenMissing"],
    ["more than 16 KiB", `${good}${"A".repeat(maximumTokenBytes)}`, "TokenTooLarge"],
    ["one part", "abc", "TokenMalformed"],
    ["two parts", good.split(".").slice(0, 2).join("."), "TokenMalformed"],
    ["four parts", `${good}.AA`, "TokenMalformed"],
    ["five parts, as an encrypted token has", "a.b.c.d.e", "TokenMalformed"],
    ["an empty header", `.${good.split(".").slice(1).join(".")}`, "TokenMalformed"],
    ["an empty signature", good.replace(/[^.]+$/, ""), "TokenMalformed"],
    ["padding", good.replace(/[^.]+$/, "c2lnYQ=="), "TokenMalformed"],
    ["standard base64", good.replace(/[^.]+$/, "a+b/"), "TokenMalformed"],
    ["a blank", `${good} `, "TokenMalformed"],
    ["a line break", `${good}\n`, "TokenMalformed"],
    ["a NUL", `${good}\0`, "TokenMalformed"],
    ["a header that is no JSON", `AAAA.${part({})}.AA`, "TokenMalformed"],
    ["a payload that is a list", `${part({})}.${part([])}.AA`, "TokenMalformed"],
    ["a repeated key", `${part({})}.${Buffer.from('{"a":1,"a":1}').toString("base64url")}.AA`, "TokenDuplicateKey"],
  ]
  for (const [what, token, refusal] of table)
    test(`${what} is ${refusal}`, () => expect(refusalOf(token)).toBe(refusal))
  test("a token of exactly 16 KiB is read", () => {
    const token = good + "A".repeat(maximumTokenBytes - good.length)
    expect(refusalOf(token)).toBeUndefined()
  })
  test("any text at all, without a defect and without showing it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 12 }), (text) => {
        const result = compactToken(text)
        if (Either.isLeft(result)) expect(result.left.message).not.toContain(text)
      }),
    )
  })
})

test("a required string that is empty or absent is missing, and one that is no string is malformed", () => {
  const tagOf = (value: unknown) => Either.flip(requiredString({ a: value }, "a")).pipe(Either.getOrThrow)._tag
  expect(Either.getOrThrow(requiredString({ a: "x" }, "a"))).toBe("x")
  for (const value of [undefined, ""]) expect(tagOf(value)).toBe("TokenClaimMissing")
  for (const value of [0, null, [], {}, true, ["x"]]) expect(tagOf(value)).toBe("TokenClaimMalformed")
})

test("a required time is a finite number", () => {
  const tagOf = (value: unknown) => Either.flip(requiredSeconds({ a: value }, "a")).pipe(Either.getOrThrow)._tag
  expect(Either.getOrThrow(requiredSeconds({ a: 1.5 }, "a"))).toBe(1.5)
  for (const value of [undefined, ""]) expect(tagOf(value)).toBe("TokenClaimMissing")
  for (const value of ["1", null, [], {}, true, Number.POSITIVE_INFINITY])
    expect(tagOf(value)).toBe("TokenClaimMalformed")
})

test("audiences are a string or a list of strings", () => {
  expect(Either.getOrThrow(audiencesOf({ aud: "a" }))).toEqual(["a"])
  expect(Either.getOrThrow(audiencesOf({ aud: ["a", "b"] }))).toEqual(["a", "b"])
  const tagOf = (aud: unknown) => Either.flip(audiencesOf({ aud })).pipe(Either.getOrThrow)._tag
  for (const aud of [undefined, "", []]) expect(tagOf(aud)).toBe("TokenClaimMissing")
  for (const aud of [null, 1, {}, ["a", 1], [["a"]]]) expect(tagOf(aud)).toBe("TokenClaimMalformed")
})
