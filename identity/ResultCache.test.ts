import { expect, test } from "bun:test"
import { cacheEntries, cacheMillis, ResultCache, tokenHash } from "./ResultCache.ts"

const far = 1_000_000

test("a result is kept for ten seconds", () => {
  const cache = new ResultCache<string>()
  cache.set("h", "r", 0, far)
  expect(cache.get("h", cacheMillis - 1)).toBe("r")
  expect(cache.get("h", cacheMillis)).toBeUndefined()
  expect(cache.size).toBe(0)
})

test("a result is kept no longer than its token is valid", () => {
  const cache = new ResultCache<string>()
  cache.set("h", "r", 0, 3_000)
  expect(cache.get("h", 2_999)).toBe("r")
  expect(cache.get("h", 3_000)).toBeUndefined()
  cache.set("expired", "r", 5_000, 5_000)
  expect(cache.size).toBe(0)
})

test("a clock that is set back does not lengthen a result's life", () => {
  const cache = new ResultCache<string>()
  cache.set("h", "r", 500_000, far)
  expect(cache.get("h", 400_000)).toBeUndefined()
})

test("the oldest makes room, so that memory is bounded", () => {
  const cache = new ResultCache<number>()
  for (let index = 0; index < cacheEntries + 10; index += 1) cache.set(String(index), index, 0, far)
  expect(cache.size).toBe(cacheEntries)
  expect(cache.get("9", 1)).toBeUndefined()
  expect(cache.get("10", 1)).toBe(10)
})

test("a token is known by its hash only", () => {
  expect(tokenHash("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
})
