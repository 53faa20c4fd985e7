import { expect, test } from "bun:test"
import * as fc from "fast-check"
import { delayMillis, longestDelayMillis } from "./backoff.ts"

test("no delay is negative, a fraction or above a minute, however long it goes on", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("lost" as const, "refused" as const),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.boolean(),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (setback, failures, streamsLive, random) => {
        const delay = delayMillis(setback, failures, { streamsLive, random })
        expect(Number.isInteger(delay) && delay >= 0 && delay <= longestDelayMillis).toBe(true)
      },
    ),
  )
})

test("a thousand idle agents that lose their relay at once come back spread over the interval", () => {
  const delays = Array.from({ length: 1000 }, (_, n) =>
    delayMillis("lost", 7, { streamsLive: false, random: n / 1000 }),
  )
  expect(new Set(delays).size).toBeGreaterThan(900)
})

test("a refused agent does not hammer because streams are live", () => {
  expect(delayMillis("refused", 3, { streamsLive: true, random: 0.9 })).toBe(18_000)
})
