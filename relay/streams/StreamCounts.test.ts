import { expect, test } from "bun:test"
import { StreamCounts } from "./StreamCounts.ts"

test("resumes find room while the carriers that they replace are still counted", () => {
  const counts = new StreamCounts(() => ({ streamsPerCaller: 2, streamsPerCluster: 100 }))
  const enter = (resumes: boolean) => typeof counts.enter("caller", "edge-1", resumes)
  expect([false, false, false].map(enter)).toEqual(["function", "function", "object"])
  expect([true, true, true].map(enter)).toEqual(["function", "function", "object"])
})
