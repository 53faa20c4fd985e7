import { expect, test } from "bun:test"
import { growth } from "./ProcessTable.ts"

const samples = (bytes: readonly number[]) =>
  bytes.map((value, index) => ({ atMillis: index * 2_000, bytes: value, descriptors: 0 }))
const of = ({ bytes }: { readonly bytes: number }) => bytes

test("the growth of a steady rise is the whole rise, and that of noise around a level is small", () => {
  expect(growth(samples([100, 110, 120, 130]), of)).toBeCloseTo(30)
  expect(Math.abs(growth(samples([100, 130, 100, 130, 100]), of))).toBeLessThan(1)
  expect(growth(samples([100]), of)).toBe(0)
})
