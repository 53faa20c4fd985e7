import { expect, test } from "bun:test"
import { appendFileSync, readFileSync, statSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { BoundedLog, maxLogBytes } from "./BoundedLog.ts"

test("a log is private, goes on where it was, never outgrows its bound, and keeps the newest whole lines", async () => {
  const directory = await mkdtemp(join(tmpdir(), "clusterconnect-log-"))
  const path = join(directory, "log")
  {
    using log = new BoundedLog(path)
    log.write("first\n")
  }
  using log = new BoundedLog(path)
  log.write("second\n")
  expect(readFileSync(path, "utf8")).toBe("first\nsecond\n")
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const rest = "x".repeat(1_000)
  for (let line = 0; line < 3_000; line += 1) {
    log.write(`${line} ${rest}\n`)
    // Another writer of the same file, as a runtime's last words.
    if (line % 100 === 0) appendFileSync(path, `${line} from outside\n`)
    if (statSync(path).size > maxLogBytes) throw new Error("the log outgrew its bound")
  }
  const lines = readFileSync(path, "utf8").trimEnd().split("\n")
  expect(lines.at(-1)).toBe(`2999 ${rest}`)
  for (const line of lines) expect(line).toMatch(/^\d+ (x{1000}|from outside)$/)
  await rm(directory, { recursive: true })
})

test("a log that starts which failed have filled is cut by the next one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "clusterconnect-log-"))
  const path = join(directory, "log")
  const line = `${"x".repeat(1_000)}\n`
  await writeFile(path, `oldest\n${line.repeat(Math.ceil(maxLogBytes / line.length))}newest\n`)
  new BoundedLog(path)[Symbol.dispose]()
  const kept = readFileSync(path, "utf8")
  expect(kept.length).toBeLessThan(maxLogBytes)
  expect([kept.startsWith(line), kept.endsWith("newest\n")]).toEqual([true, true])
  await rm(directory, { recursive: true })
})
