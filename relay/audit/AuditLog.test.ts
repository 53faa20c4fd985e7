import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type AuditLog, maxOwedBytes, openAuditLog } from "./AuditLog.ts"

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-audit-"))
  file = join(directory, "audit.log")
})
afterEach(() => rmSync(directory, { recursive: true }))

describe("the audit log", () => {
  test("is a file of lines, goes on where it was, and in a new file once the old one was moved and it is told", () => {
    openAuditLog(file).write({ event: "one" })
    const log = openAuditLog(file)
    log.write({ event: "two" })
    renameSync(file, `${file}.1`)
    log.reopen()
    log.write({ event: "three" })
    log.close()
    expect(readFileSync(`${file}.1`, "utf8")).toBe('{"event":"one"}\n{"event":"two"}\n')
    expect(readFileSync(file, "utf8")).toBe('{"event":"three"}\n')
  })

  describe("that is a pipe which nobody empties", () => {
    let reader: number
    let log: AuditLog
    beforeEach(() => {
      expect(Bun.spawnSync(["mkfifo", file]).exitCode).toBe(0)
      reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
      log = openAuditLog(file, () => new Date(0))
    })
    afterEach(() => {
      log.close()
      closeSync(reader)
    })
    // Longer than the atomic 4 KiB of a pipe, so that one of them is taken in part.
    const line = (event: number) => ({ event, padding: "x".repeat(5_000) })
    const lineBytes = JSON.stringify(line(100)).length + 1
    const stall = (event = 0): number => {
      while (log.failure() === undefined) log.write(line(event++))
      expect(log.failure()).toBe("EAGAIN")
      return event
    }
    const read = () => {
      const chunks: Buffer[] = []
      const chunk = Buffer.alloc(1 << 20)
      try {
        for (let got = 1; got > 0; ) {
          got = readSync(reader, chunk)
          chunks.push(Buffer.from(chunk.subarray(0, got)))
        }
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN")
      }
      return Buffer.concat(chunks).toString()
    }
    /** Reads until nothing is owed any more. Nobody writes meanwhile. */
    const emptied = async () => {
      let text = read()
      while (log.failure() !== undefined) {
        await new Promise((resolve) => setImmediate(resolve))
        text += read()
      }
      return text + read()
    }
    const linesOf = (text: string) => {
      expect(text).toEndWith("\n")
      return text
        .trimEnd()
        .split("\n")
        .map((one) => JSON.parse(one) as { event: unknown; lines?: number; time?: string })
    }
    const eventsOf = (text: string) => linesOf(text).map(({ event }) => event)
    const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

    test("stops nothing: it says so, and whole lines follow in their order when it is emptied, without another one", async () => {
      const written = stall()
      for (const more of upTo(5)) log.write(line(written + more))
      expect(eventsOf(await emptied())).toEqual(upTo(written + 5))
      expect(log.failure()).toBeUndefined()
      log.write({ event: "after" })
      expect(eventsOf(read())).toEqual(["after"])
    })

    test("is owed no more than 1 MiB: what is beyond is lost and counted, and the log says how many when it goes on", async () => {
      const written = stall()
      const kept = Math.floor(maxOwedBytes / lineBytes)
      for (const more of upTo(kept + 50)) log.write(line(written + more))
      const lines = linesOf(await emptied())
      const lost = lines.at(-1)
      expect(lost).toEqual({ event: "audit-lost", time: new Date(0).toISOString(), lines: expect.any(Number) })
      const events = lines.slice(0, -1).map(({ event }) => event)
      expect(events).toEqual(upTo(events.length))
      expect(events.length + (lost?.lines ?? 0)).toBe(written + kept + 50)
      expect(lost?.lines).toBeGreaterThanOrEqual(49)
      log.write({ event: "after" })
      expect(eventsOf(read())).toEqual(["after"])
    })

    test("takes no line that must be written at once; what it took in part comes to its end", async () => {
      let event = 0
      while (log.writeNow(line(event))) event += 1
      expect(log.writeNow({ event: "never" })).toBe(false)
      expect(eventsOf(await emptied())).toEqual(upTo(event + 1))
      expect(log.writeNow({ event: "after" })).toBe(true)
      expect(eventsOf(read())).toEqual(["after"])
    })

    test("and is opened again elsewhere loses what it was owed: the new one begins with how many lines", () => {
      const written = stall()
      log.write(line(written))
      renameSync(file, `${file}.1`)
      log.reopen()
      log.write({ event: "after" })
      expect(log.failure()).toBeUndefined()
      expect(linesOf(readFileSync(file, "utf8"))).toEqual([
        { event: "audit-lost", time: new Date(0).toISOString(), lines: 2 },
        { event: "after" },
      ])
    })
  })
})
