import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test"
import { once } from "node:events"
import { appendFileSync, writeFileSync } from "node:fs"
import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  DirectoryNotPrivate,
  FileLock,
  LockBusy,
  makePrivateDirectory,
  type WatchedFiles,
  watchFiles,
  withFileLock,
  writeFileAtomic,
} from "../files.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "files-"))
})
afterEach(() => rm(directory, { recursive: true }))

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

describe("an atomic write", () => {
  test("makes a file of mode 0600 whatever the umask, and leaves nothing beside it", async () => {
    const before = process.umask(0o277)
    await writeFileAtomic(join(directory, "a"), "secret").finally(() => process.umask(before))
    expect(await mode(join(directory, "a"))).toBe("600")
    expect(await readdir(directory)).toEqual(["a"])
  })

  test("replaces a readable file by one that is not", async () => {
    await writeFile(join(directory, "a"), "old", { mode: 0o644 })
    await writeFileAtomic(join(directory, "a"), "new")
    expect([await readFile(join(directory, "a"), "utf8"), await mode(join(directory, "a"))]).toEqual(["new", "600"])
  })

  test("takes another mode", async () => {
    await writeFileAtomic(join(directory, "a"), "public", { mode: 0o644 })
    expect(await mode(join(directory, "a"))).toBe("644")
  })

  test("keeps a symbolic link and replaces what it names", async () => {
    await writeFile(join(directory, "real"), "old")
    await symlink(join(directory, "real"), join(directory, "link"))
    await writeFileAtomic(join(directory, "link"), "new")
    expect((await lstat(join(directory, "link"))).isSymbolicLink()).toBe(true)
    expect(await readFile(join(directory, "real"), "utf8")).toBe("new")
  })

  test("that fails leaves the old content and no temporary file", async () => {
    await mkdir(join(directory, "target"))
    await writeFile(join(directory, "target", "child"), "kept")
    await expect(writeFileAtomic(join(directory, "target"), "new")).rejects.toThrow()
    expect(await readdir(directory)).toEqual(["target"])
  })

  test("never shows a reader a mixture", async () => {
    const path = join(directory, "a")
    const [one, two] = ["1".repeat(500_000), "2".repeat(500_000)]
    await writeFileAtomic(path, one)
    let writing = true
    const writer = (async () => {
      for (let round = 0; round < 20; round++) await writeFileAtomic(path, round % 2 === 0 ? two : one)
      writing = false
    })()
    while (writing) expect([one, two]).toContain(await readFile(path, "utf8"))
    await writer
  })
})

describe("a private directory", () => {
  test("is made with its parents and mode 0700", async () => {
    await makePrivateDirectory(join(directory, "a", "b"))
    expect(await mode(join(directory, "a", "b"))).toBe("700")
  })

  test("that exists with a wider mode is narrowed", async () => {
    await mkdir(join(directory, "a"), { mode: 0o755 })
    await makePrivateDirectory(join(directory, "a"))
    expect(await mode(join(directory, "a"))).toBe("700")
  })

  test("is refused where a link leads elsewhere", async () => {
    await mkdir(join(directory, "elsewhere"))
    await symlink(join(directory, "elsewhere"), join(directory, "a"))
    await expect(makePrivateDirectory(join(directory, "a"))).rejects.toBeInstanceOf(DirectoryNotPrivate)
  })
})

describe("a file lock", () => {
  test("admits one holder at a time within a process, and the waiting one after release", async () => {
    const path = join(directory, "lock")
    let inside = 0
    const body = async () => {
      inside += 1
      expect(inside).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      inside -= 1
    }
    await Promise.all([withFileLock(path, body), withFileLock(path, body), withFileLock(path, body)])
    expect(await mode(path)).toBe("600")
  })

  test("is refused as busy when its holder does not let go", async () => {
    await using _held = await FileLock.acquire(join(directory, "lock"))
    await expect(FileLock.acquire(join(directory, "lock"), { timeoutMillis: 30 })).rejects.toBeInstanceOf(LockBusy)
  })

  test("stops waiting when the caller aborts", async () => {
    await using _held = await FileLock.acquire(join(directory, "lock"))
    const signal = AbortSignal.abort(new Error("enough"))
    await expect(FileLock.acquire(join(directory, "lock"), { signal })).rejects.toThrow("enough")
  })

  test("is held across processes and freed by the kernel when its holder is killed", async () => {
    const path = join(directory, "lock")
    const script = `import { FileLock } from ${JSON.stringify(join(import.meta.dir, "..", "files.ts"))}
      await FileLock.acquire(${JSON.stringify(path)})
      await FileLock.acquire(${JSON.stringify(path)}, { timeoutMillis: 0 }).catch(() => {})
      Bun.gc(true)
      console.log("held")
      process.stdin.resume()`
    const holder = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stdin: "pipe", stderr: "inherit" })
    const { value } = await holder.stdout.getReader().read()
    expect(new TextDecoder().decode(value)).toBe("held\n")
    await expect(FileLock.acquire(path, { timeoutMillis: 30 })).rejects.toBeInstanceOf(LockBusy)
    holder.kill("SIGKILL")
    await holder.exited
    const lock = await FileLock.acquire(path)
    lock.release()
  })
})

describe("watched files", () => {
  const watching = (paths: string[], pollMillis = 5) => {
    const changes = new EventTarget()
    let count = 0
    const watched = watchFiles(
      paths,
      () => {
        count += 1
        changes.dispatchEvent(new Event("change"))
      },
      { pollMillis },
    )
    return { watched, changed: () => once(changes, "change"), count: () => count }
  }

  test("report an atomic replacement at once, without a poll", async () => {
    const path = join(directory, "a")
    await writeFile(path, "1")
    const { watched, changed } = watching([path], 3_600_000)
    const change = changed()
    await writeFileAtomic(path, "2")
    await change
    watched.close()
  })

  test("report the link swap of a Kubernetes volume at once", async () => {
    for (const version of ["..1", "..2"]) {
      await mkdir(join(directory, version))
      await writeFile(join(directory, version, "a"), version)
    }
    await symlink("..1", join(directory, "..data"))
    await symlink(join("..data", "a"), join(directory, "a"))
    const { watched, changed } = watching([join(directory, "a")], 3_600_000)
    const change = changed()
    await symlink("..2", join(directory, "..data_tmp"))
    await rename(join(directory, "..data_tmp"), join(directory, "..data"))
    await change
    watched.close()
  })

  test("report an edit in place only when two polls saw the same", async () => {
    const path = join(directory, "a")
    await writeFile(path, "1")
    const quiet = watching([path], 3_600_000)
    await appendFile(path, "2")
    quiet.watched.check()
    quiet.watched.check()
    expect(quiet.count()).toBe(0)
    quiet.watched.close()
    const polled = watching([path])
    const change = polled.changed()
    await appendFile(path, "3")
    await change
    polled.watched.close()
  })

  test("report a file that became readable only after it was put into place", async () => {
    const path = join(directory, "a")
    await writeFile(path, "1", { mode: 0o000 })
    const { watched, changed } = watching([path])
    const change = changed()
    await chmod(path, 0o600)
    await change
    watched.close()
  })

  test("report a file that appears in a directory that did not exist", async () => {
    const path = join(directory, "later", "a")
    const { watched, changed } = watching([path])
    const change = changed()
    await mkdir(join(directory, "later"))
    await writeFile(path, "1")
    await change
    watched.close()
  })

  describe("that could not be read when they changed", () => {
    const pollMillis = 1000
    const polled = (body: (watching: { watched: WatchedFiles; path: string; changes: () => number }) => void) => () => {
      const path = join(directory, "a")
      writeFileSync(path, "1")
      jest.useFakeTimers()
      try {
        const { watched, count } = watching([path], pollMillis)
        body({ watched, path, changes: count })
        watched.close()
      } finally {
        jest.useRealTimers()
      }
    }

    test(
      "are reported once more, at the next poll and not before",
      polled(({ watched, changes }) => {
        watched.again()
        watched.check()
        expect(changes()).toBe(0)
        jest.advanceTimersByTime(pollMillis)
        expect(changes()).toBe(1)
        jest.advanceTimersByTime(3 * pollMillis)
        expect(changes()).toBe(1)
      }),
    )

    test(
      "are reported once when they change before that poll, and not before two polls saw the same",
      polled(({ watched, path, changes }) => {
        watched.again()
        appendFileSync(path, "2")
        jest.advanceTimersByTime(pollMillis)
        expect(changes()).toBe(0)
        jest.advanceTimersByTime(pollMillis)
        expect(changes()).toBe(1)
        jest.advanceTimersByTime(3 * pollMillis)
        expect(changes()).toBe(1)
      }),
    )
  })

  test("say nothing when nothing changed", async () => {
    const path = join(directory, "a")
    await writeFile(path, "1")
    const { watched, count } = watching([path], 3_600_000)
    await chmod(path, 0o600)
    watched.check()
    expect(count()).toBe(0)
    await utimes(path, 1, 1)
    watched.close()
  })
})
