import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventually } from "../../../test/world/eventually.ts"
import { ServiceAccountFiles } from "./ServiceAccountFiles.ts"

test("a token that is replaced where no notification tells of it is used within 2 s", async () => {
  const directory = mkdtempSync(join(tmpdir(), "service-account-"))
  const token = (name: string) => join(directory, "elsewhere", name)
  mkdirSync(join(directory, "elsewhere"))
  writeFileSync(token("token"), "first\n")
  // The watch is on the directory of the link, where nothing happens.
  symlinkSync(token("token"), join(directory, "token"))
  const tokenFile = join(directory, "token")
  const files = new ServiceAccountFiles({ tokenFile, caFile: join(directory, "ca.crt"), onFault: () => {} })
  try {
    expect(files.token).toBe("first")
    writeFileSync(token("next"), "second\n")
    renameSync(token("next"), token("token"))
    await eventually("the new token is used", 2_000, async () =>
      files.token === "second" ? { done: true } : { seen: String(files.token) },
    )
  } finally {
    files.close()
    rmSync(directory, { recursive: true })
  }
})
