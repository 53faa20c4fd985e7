import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

const start = (...args: readonly string[]) => {
  const child = spawn(process.execPath, [join(import.meta.dir, "longProgramFixture.ts"), ...args])
  const said = { stdout: "", stderr: "" }
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].on("data", (chunk) => {
      said[stream] += chunk
    })
  const begun = once(child.stdout, "data")
  const ended = once(child, "close").then(([code]) => ({ ...said, code: code as number | null }))
  return { child, begun, ended }
}
const run = (...args: readonly string[]) => start(...args).ended

test("a program that finds all well ends with 0 when its stack is disposed of, though a handle is open", async () => {
  expect(await run("--times=2")).toEqual({ stdout: "begun\nbegun\ndisposed\n", stderr: "", code: 0 })
})

test("one that does not find all well has said so itself, and ends with 1", async () => {
  expect(await run("--ending", "not-well")).toEqual({ stdout: "begun\ndisposed\n", stderr: "", code: 1 })
})

test("a failure is printed once, with where it came from, when the stack is disposed of, and ends it with 1", async () => {
  const { stdout, stderr, code } = await run("--ending", "failure")
  expect([stdout, code]).toEqual(["begun\ndisposed\n", 1])
  expect(stderr.match(/^error: the ground gave way$/gm), stderr).toHaveLength(1)
  expect(stderr).toContain("longProgramFixture.ts")
})

test.each([
  ["an option that is not there", ["--speed", "3"], "there is no option --speed"],
  ["a number that is none", ["--times", "often"], "--times often: expected a whole number"],
  ["an argument that is not taken", ["well"], "unexpected argument well"],
])("%s is refused by name with 2, in one line, and nothing runs", async (_, args, fault) => {
  const { stdout, stderr, code } = await run(...args)
  expect([stdout, code]).toEqual(["", 2])
  expect(stderr).toStartWith(`fixture: ${fault}`)
  expect(stderr).toMatch(/^.*\(see fixture --help\)\n$/)
})

test.each(["SIGINT", "SIGTERM"] as const)("%s disposes of the stack and ends with 130", async (signal) => {
  const { child, begun, ended } = start("--ending", "never")
  await begun
  child.kill(signal)
  expect(await ended).toEqual({ stdout: "begun\ndisposed\n", stderr: "", code: 130 })
})

test("--help says each option and its default, and nothing runs", async () => {
  const { stdout, code } = await run("--help")
  expect(code).toBe(0)
  for (const said of [
    /--quick\n +Less of everything/,
    /--out FOLDER\n .*Default: dist\/measurements\./,
    /--seed N\n[^-]*Default: another one each\s+time\./,
    /--times N\n .*Default: 1\./,
    /--ending well \| not-well \| failure \| never\n .*Default: well\./,
  ])
    expect(stdout).toMatch(said)
  expect(stdout).not.toContain("begun")
})
