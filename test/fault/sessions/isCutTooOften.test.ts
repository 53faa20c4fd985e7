import { expect, test } from "bun:test"
import { isCutTooOften } from "./isCutTooOften.ts"

const of = (cutInCluster: number, all: number) => ({ all, cutInCluster })

test("copies are cut too often when the share of them is more than a quarter above the control's", () => {
  expect(isCutTooOften(of(20, 20), of(1, 12))).toBe(true)
  expect(isCutTooOften(of(3, 8), of(1, 12))).toBe(true)
  expect(isCutTooOften(of(2, 8), of(0, 12)), "a quarter").toBe(false)
  expect(isCutTooOften(of(3, 8), of(3, 12)), "the control has many too").toBe(false)
  expect(isCutTooOften(of(1, 1), of(0, 12)), "one may be chance").toBe(false)
  expect(isCutTooOften(of(0, 0), of(0, 0)), "there were none").toBe(false)
  expect(isCutTooOften(of(2, 2), of(0, 0)), "without a control").toBe(true)
})
