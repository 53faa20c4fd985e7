import { expect, test } from "bun:test"
import fc from "fast-check"

test("random values of tests are the same at every run, unless another seed is asked for", () => {
  const seed = Number(process.env.CLUSTERCONNECT_PROPERTY_SEED ?? 1)
  expect(fc.readConfigureGlobal().seed).toBe(seed)
  expect(fc.sample(fc.nat(), 20)).toEqual(fc.sample(fc.nat(), { seed, numRuns: 20 }))
})
