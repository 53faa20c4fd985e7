import { expect, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

test("docs/commands.md is what the programs' help says", () => {
  const generator = fileURLToPath(new URL("commandReference.ts", import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [generator, "--check"], { encoding: "utf8" })
  expect([status, stderr]).toEqual([0, ""])
}, 300_000)
