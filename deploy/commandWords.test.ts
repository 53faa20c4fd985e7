import { expect, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const run = (program: string, ...args: readonly string[]) => {
  const { CLUSTERCONNECT_RELEASE_KEY: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dir, program), ...args], {
    encoding: "utf8",
    env,
  })
  return { status, stdout, stderr }
}

test.each([
  ["build.ts", ["nonsense"], "no program nonsense"],
  ["build.ts", ["--al"], "Unknown option '--al'"],
  ["image/main.ts", ["nonsense"], "no image nonsense"],
  ["image/main.ts", ["--arch", "amd64,s390x"], "no architecture s390x"],
  ["release/main.ts", ["--version", "1", "--unsigned"], "--version: expected X.Y.Z"],
  ["release/main.ts", ["--version", "1.0.0"], "--key is missing"],
  ["release/main.ts", ["--version", "1.0.0", "--unsigned", "--key", "k"], "--key and --unsigned exclude each other"],
  ["manifests/install.ts", [], "--image is missing"],
])("%s %p is refused by name before the usage, with 2, and nothing is made", (program, args, reason) => {
  const { status, stdout, stderr } = run(program, ...args)
  expect([status, stdout]).toEqual([2, ""])
  expect(stderr).toStartWith(reason)
  expect(stderr).toMatch(/^.*\nusage: bun /)
})

test.each(["build.ts", "image/main.ts", "release/main.ts", "manifests/install.ts"])(
  "%s --help says its usage and makes nothing",
  (program) => {
    const { status, stdout, stderr } = run(program, "--help")
    expect([status, stderr]).toEqual([0, ""])
    expect(stdout).toMatch(/^usage: bun .*\n[A-Z]/)
  },
)
