import { describe, expect, jest, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
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

describe("files that cannot be read when they change", () => {
  const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n`

  /** Files that the system refuses to read while `fault` is set, as it does when no descriptor is left. */
  const refusable = () => {
    const directory = mkdtempSync(join(tmpdir(), "service-account-"))
    const [tokenFile, caFile] = [join(directory, "token"), join(directory, "ca.crt")]
    const state = { fault: false, refused: 0 }
    const faults: string[] = []
    writeFileSync(tokenFile, "first\n")
    writeFileSync(caFile, pem("first"))
    const open = () =>
      new ServiceAccountFiles({
        tokenFile,
        caFile,
        pollMillis: 5,
        onFault: (file, fault) => faults.push(`${file.slice(directory.length + 1)} ${fault}`),
        read: (path) => {
          if (!state.fault) return readFileSync(path, "utf8")
          state.refused += 1
          throw Object.assign(new Error("too many open files"), { code: "EMFILE" })
        },
      })
    const replace = (path: string, text: string) => {
      writeFileSync(`${path}.next`, text)
      renameSync(`${path}.next`, path)
    }
    const refused = (times: number) =>
      eventually(`a file was refused ${times} times`, 2_000, async () =>
        state.refused >= times ? { done: true } : { seen: String(state.refused) },
      )
    return {
      tokenFile,
      caFile,
      state,
      faults,
      open,
      replace,
      refused,
      remove: () => rmSync(directory, { recursive: true }),
    }
  }

  test("are read again until they are, with one report of each fault", async () => {
    const { tokenFile, caFile, state, faults, open, replace, refused, remove } = refusable()
    const files = open()
    try {
      state.fault = true
      replace(tokenFile, "second\n")
      replace(caFile, pem("second"))
      await refused(6)
      expect([files.token, files.ca]).toEqual(["first", pem("first")])
      state.fault = false
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

  test("are read again also where that was at the very beginning", async () => {
    const { state, open, refused, remove } = refusable()
    state.fault = true
    const files = open()
    try {
      await refused(2)
      expect(files.token).toBeUndefined()
      state.fault = false
      await eventually("the token is there", 2_000, async () =>
        files.token === "first" ? { done: true } : { seen: String(files.token) },
      )
    } finally {
      files.close()
      remove()
    }
  })

  test("leave no timer behind when they are closed, not even by a 401 that comes later", () => {
    const { state, open, remove } = refusable()
    jest.useFakeTimers()
    try {
      const files = open()
      state.fault = true
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
