import { expect, test } from "bun:test"
import { longestPause } from "./Session.ts"

test.each([
  ["is that between two arrivals", [0, 10, 15], 1, 16, 10],
  ["counts whole when it began before the interval", [0, 40, 45], 30, 46, 40],
  ["counts whole when it begins in the interval and its end is known", [0, 5, 40], 3, 6, 35],
  ["is not one that was over before the interval", [0, 40, 45, 50], 44, 51, 5],
  ["goes to the end of the interval for who never speaks again", [0, 5], 5, 60, 55],
  ["is the whole interval for who never spoke", [], 10, 60, 50],
])("the longest pause %s", (_, arrivals, from, to, longest) => {
  expect(longestPause(arrivals, from, to)).toBe(longest)
})
