import { expect, test } from "bun:test"
import { amount } from "./quantity.ts"

test.each([
  ["0.5", "500m"],
  ["1024Mi", "1Gi"],
  ["1.5Gi", "1536Mi"],
  [1, "1000m"],
  ["1k", "1000"],
  ["1e3", "1k"],
  ["2E+3", "2k"],
  ["1E", "1000P"],
  ["0", "0m"],
  ["1048576", "1Mi"],
  ["100e-2", "1"],
])("%s and %s are the same amount", (one, other) => expect(amount(one)).toBe(amount(other)))

test.each([
  ["1M", "1Mi"],
  ["1", "1m"],
  ["10", "1"],
  ["1E", "1Ei"],
])("%s and %s are not", (one, other) => expect(amount(one)).not.toBe(amount(other)))
