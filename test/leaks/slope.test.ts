import { expect, test } from "bun:test"
import { growth } from "./slope.ts"

test("growth is that of the line through the values: exact on a line, none on a level, little by one that sticks out", () => {
  expect(growth([10, 12, 14, 16, 18])).toBe(8)
  expect(growth([7, 7, 7, 7, 7])).toBe(0)
  expect(growth([5, 5, 15, 5, 5])).toBe(0)
  expect(growth([5, 5, 5, 5, 15])).toBe(8)
  expect(growth([3])).toBe(0)
})
