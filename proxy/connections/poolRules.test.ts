import { expect, test } from "bun:test"
import { maxConnections, maxOpening, readyConnections, toOpen } from "./poolRules.ts"

const counts = { busy: 0, idle: 0, opening: 0, waiting: 0, quietMillis: 0 }

test("everybody who waits gets a connection of their own, and a few are made ready beside them", () => {
  expect(toOpen({ ...counts, waiting: 3 })).toBe(3 + readyConnections)
})

test("what is idle or under way is not opened again", () => {
  expect(toOpen({ ...counts, waiting: 3, idle: 1, opening: 2 })).toBe(readyConnections)
})

test("a crowd is not opened all at once: the first connections would come as late as the last", () => {
  expect(toOpen({ ...counts, waiting: 200 })).toBe(maxOpening)
  expect(toOpen({ ...counts, waiting: 200, opening: maxOpening })).toBe(0)
  expect(toOpen({ ...counts, waiting: 150, busy: 50, opening: maxOpening - 1 })).toBe(1)
})

test("there are never more than the caller's share of streams", () => {
  expect(toOpen({ ...counts, waiting: 30, busy: maxConnections - 5 })).toBe(5)
})

test("a pool that nobody uses opens nothing", () => {
  expect(toOpen({ ...counts, quietMillis: 1e9 })).toBe(0)
})
