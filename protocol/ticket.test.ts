import { expect, test } from "bun:test"
import * as fc from "fast-check"
import { newSecret, secretsEqual } from "./ticket.ts"

test("secrets are 256 bits in base64url and never repeat", () => {
  const secrets = Array.from({ length: 1000 }, newSecret)
  expect(new Set(secrets).size).toBe(1000)
  for (const secret of secrets) expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

test("secrets are equal exactly when their texts are, whatever their lengths", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      expect(secretsEqual(a, b)).toBe(a === b)
      expect(secretsEqual(a, a)).toBe(true)
    }),
  )
})
