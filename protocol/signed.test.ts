import { describe, expect, test } from "bun:test"
import { Either, Schema } from "effect"
import * as fc from "fast-check"
import { decodeJson, fieldBytes } from "./signed.ts"

const Message = Schema.Struct({ name: Schema.String, inner: Schema.Struct({ count: Schema.Number }) })
const decode = (text: string, limit = 1000) => decodeJson("message", Message, text, limit)
const refusal = (text: string, limit?: number) =>
  Either.match(decode(text, limit), { onLeft: (error) => error.message, onRight: () => "accepted" })

describe("JSON of a peer", () => {
  test("is decoded, and fields that a newer peer adds are ignored", () => {
    expect(decode('{"name":"a","inner":{"count":1,"more":2},"new":true}')).toEqual(
      Either.right({ name: "a", inner: { count: 1 } }),
    )
  })
  test.each([
    ["not JSON", "{", "message: not JSON"],
    ["another shape at the top", "[]", "message: field (top) does not have the agreed shape"],
    ["a missing field", '{"name":"a","inner":{}}', "message: field inner.count does not have the agreed shape"],
  ])("that is %s is refused by name", (_, text, expected) => {
    expect(refusal(text)).toBe(expected)
  })
  test("is refused beyond its limit in bytes, not in characters, before it is parsed", () => {
    expect(refusal(`"${"ä".repeat(10)}"`, 20)).toBe("message: more than 20 bytes")
  })
  test("never appears in the refusal, whatever the peer put where", () => {
    expect(refusal('{"name":1,"inner":"secret-value"}')).not.toContain("secret-value")
  })
  test("gives field names to the refusal only bounded and printable", () => {
    const Keyed = Schema.Record({ key: Schema.String, value: Schema.Number })
    const error = Either.flip(
      decodeJson("message", Keyed, JSON.stringify({ [`\u001b[2J${"x".repeat(5000)}`]: "no" }), 10_000),
    )
    const { message } = Either.getOrThrow(error)
    expect(message.length).toBeLessThan(300)
    expect(message).toMatch(/^[\x20-\x7e]*$/)
  })
})

test("signed fields are the same bytes in whatever order they were written", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string()), (fields) => {
      const reversed = Object.fromEntries(Object.entries(fields).reverse())
      expect(fieldBytes(reversed)).toEqual(fieldBytes(fields))
      expect(JSON.parse(Buffer.from(fieldBytes(fields)).toString())).toEqual({ ...fields })
    }),
  )
})
