import { expect, test } from "bun:test"
import { dialBurst, dialsPerSecond, TokenBucket } from "./TokenBucket.ts"

const taken = (bucket: TokenBucket, at: number, tries: number) =>
  Array.from({ length: tries }, () => bucket.take(at)).filter(Boolean).length

test("a burst is admitted at once, and no more", () => {
  expect(taken(new TokenBucket(dialsPerSecond, dialBurst, 0), 0, 1000)).toBe(256)
})

test("afterwards the rate is admitted, and idle time saves up only one burst", () => {
  const bucket = new TokenBucket(dialsPerSecond, dialBurst, 0)
  taken(bucket, 0, 1000)
  expect(taken(bucket, 100, 1000)).toBe(50)
  expect(taken(bucket, 3_600_000, 1000)).toBe(256)
})

test("a clock that goes back admits nothing extra", () => {
  const bucket = new TokenBucket(1, 1, 1000)
  expect([bucket.take(1000), bucket.take(0), bucket.take(500)]).toEqual([true, false, false])
})
