import { expect, test } from "bun:test"
import packageJson from "../package.json"
import { checkRuntime, requiredBun, UnsupportedRuntime, version } from "./version.ts"

test("the version is package.json's unless a build stamped another", () => expect(version).toBe(packageJson.version))

test("the pinned Bun is accepted", () => expect(() => checkRuntime(requiredBun)).not.toThrow())

test("another Bun is refused with both versions named", () => {
  expect(() => checkRuntime("1.3.9")).toThrow(UnsupportedRuntime)
  expect(() => checkRuntime("1.3.9")).toThrow(new RegExp(`${requiredBun}.*1\\.3\\.9`))
})

test("a runtime that is not Bun is told so", () =>
  expect(new UnsupportedRuntime(undefined).message).toContain("not Bun"))
