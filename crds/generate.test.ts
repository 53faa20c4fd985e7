import { expect, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const here = import.meta.dirname

const check = (folder: string) =>
  spawnSync(process.execPath, [join(folder, "generate.ts"), "--check"], { encoding: "utf8" })

test("the check passes for the file that is checked in", () => {
  expect(check(here).status).toBe(0)
})

test("the check fails, and says what to run, when the file differs or is missing", () => {
  const copy = mkdtempSync(join(tmpdir(), "clusterconnect-crds-"))
  try {
    cpSync(here, join(copy, "crds"), { recursive: true })
    symlinkSync(join(here, "..", "node_modules"), join(copy, "node_modules"))
    const target = join(copy, "crds", "clusterconnect.yaml")
    writeFileSync(target, "# edited\n")
    expect(check(join(copy, "crds"))).toMatchObject({ status: 1, stderr: expect.stringContaining("bun run crds") })
    rmSync(target)
    expect(check(join(copy, "crds")).status).toBe(1)
  } finally {
    rmSync(copy, { recursive: true })
  }
})
