import { expect, test } from "bun:test"
import { isAtLeast, versionOf } from "./probeApiServer.ts"

test.each([
  [{ major: "1", minor: "37" }, "1.37"],
  [{ major: "1", minor: "34+" }, "1.34"],
  [{ major: "1", minor: "37", emulationMajor: "1", emulationMinor: "34" }, "1.34"],
  [{ major: "1" }, undefined],
  [{ major: "x", minor: "y" }, undefined],
  [undefined, undefined],
])("the version of %j is %p", (body, version) => expect(versionOf(body)).toBe(version))

test.each([
  ["1.35", true],
  ["1.37", true],
  ["2.0", true],
  ["1.34", false],
  ["0.99", false],
  [undefined, false],
] as const)("whether %p is at least 1.35: %p", (version, expected) =>
  expect(isAtLeast(version, [1, 35])).toBe(expected),
)
