import { describe, expect, jest, test } from "bun:test"
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { refusedReads } from "../../../platform/fixtures/refusedReads.ts"
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

describe("files that cannot be read when they change", () => {
  const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n`

  /** Files that the system can be made to refuse. */
  const refusable = () => {
    const directory = mkdtempSync(join(tmpdir(), "service-account-"))
    const [tokenFile, caFile] = [join(directory, "token"), join(directory, "ca.crt")]
    const reads = refusedReads(directory)
    const faults: string[] = []
    writeFileSync(tokenFile, "first\n")
    writeFileSync(caFile, pem("first"))
    const open = () =>
      new ServiceAccountFiles({
        tokenFile,
        caFile,
        pollMillis: 5,
        onFault: (file, fault) => faults.push(`${file.slice(directory.length + 1)} ${fault}`),
      })
    const replace = (path: string, text: string) => {
      writeFileSync(`${path}.next`, text)
      renameSync(`${path}.next`, path)
    }
    const remove = () => {
      reads[Symbol.dispose]()
      rmSync(directory, { recursive: true })
    }
    return { tokenFile, caFile, reads, faults, open, replace, remove }
  }

  test("are read again until they are, with one report of each fault", async () => {
    const { tokenFile, caFile, reads, faults, open, replace, remove } = refusable()
    const files = open()
    try {
      reads.fault = "EMFILE"
      const many = reads.refusals(6)
      replace(tokenFile, "second\n")
      replace(caFile, pem("second"))
      await many
      expect([files.token, files.ca]).toEqual(["first", pem("first")])
      reads.fault = undefined
      await eventually("both are used", 2_000, async () =>
        files.token === "second" && files.ca === pem("second")
          ? { done: true }
          : { seen: `${files.token} ${files.ca}` },
      )
      expect(faults).toEqual(["token EMFILE", "ca.crt EMFILE"])
    } finally {
      files.close()
      remove()
    }
  })

  test("are read again also where that was at the very beginning, or for a 401", async () => {
    const { reads, open, remove } = refusable()
    reads.fault = "EMFILE"
    const files = open()
    try {
      await reads.refusals(2)
      expect(files.token).toBeUndefined()
      reads.fault = undefined
      await eventually("the token is there", 2_000, async () =>
        files.token === "first" ? { done: true } : { seen: String(files.token) },
      )
      reads.fault = "EMFILE"
      files.reread()
      await reads.refusals(2)
    } finally {
      files.close()
      remove()
    }
  })

  test("leave no timer behind when they are closed, not even by a 401 that comes later", () => {
    const { reads, open, remove } = refusable()
    jest.useFakeTimers()
    try {
      const files = open()
      reads.fault = "EMFILE"
      files.reread()
      expect(jest.getTimerCount()).toBeGreaterThan(0)
      files.close()
      files.reread()
      expect(jest.getTimerCount()).toBe(0)
    } finally {
      jest.useRealTimers()
      remove()
    }
  })
})
