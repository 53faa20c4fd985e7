import { expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { callerHash } from "./callerHash.ts"

test("it is the base64url SHA-256 of the JSON of issuer and subject", () => {
  const expected = createHash("sha256").update('["https://idp.example.com","alice"]').digest("base64url")
  expect(callerHash("https://idp.example.com", "alice")).toBe(expected)
  expect(expected).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

test("moving the border between issuer and subject gives another hash", () => {
  const hashes = [
    callerHash("a", "b"),
    callerHash("ab", ""),
    callerHash("", "ab"),
    callerHash('a","b', ""),
    callerHash("a", 'b"'),
    callerHash("b", "a"),
  ]
  expect(new Set(hashes).size).toBe(hashes.length)
})
