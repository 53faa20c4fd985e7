import { closeSync, constants, openSync, writeSync } from "node:fs"
import { auditFailures } from "../metrics.ts"

export type AuditLine = Readonly<Record<string, unknown>>

/** One JSON object a line: who did what to which cluster, from where, when, and how it ended. */
export interface AuditLog {
  /** Written now, or as soon as the log takes it again. */
  readonly write: (line: AuditLine) => void
  /** For a line that is kept elsewhere until it is written. False: it is not, or only its beginning, whose rest follows. */
  readonly writeNow: (line: AuditLine) => boolean
  /** Why lines are owed; undefined when every line was written. */
  readonly failure: () => string | undefined
  /** After the file was moved away. */
  readonly reopen: () => void
  readonly close: () => void
}

/** Appends without ever waiting: a pipe that nobody empties must not stop the relay. Regular files know no waiting. */
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

/** Some thousand lines: a reader that was restarted, or a disk that was full for a moment, has lost none. */
export const maxOwedBytes = 1024 * 1024
/** How often a log that took nothing is tried again. */
const retryMillis = 50

/**
 * `-` is stdout. Lines are written before the call returns, or owed while the log takes nothing: then they follow in their order, so
 * that no two run into each other. Lines that are owed beyond {@link maxOwedBytes}, or by a log that was opened again, are lost; they
 * are counted, and a line `audit-lost` stands in their place.
 */
export const openAuditLog = (target: string, now: () => Date = () => new Date()): AuditLog => {
  const open = () => (target === "-" ? standardOutput() : openSync(target, flags, 0o600))
  let file = open()
  let failure: string | undefined
  /** Whole lines, but for the first, which may be the rest of one. */
  let owed: Buffer[] = []
  let owedBytes = 0
  let lost = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  /** What the file did not take of it. */
  const put = (bytes: Buffer): Buffer => {
    let at = 0
    try {
      while (at < bytes.length) at += writeSync(file, bytes, at)
      failure = undefined
    } catch (error) {
      failure = (error as NodeJS.ErrnoException).code ?? "unwritable"
    }
    return bytes.subarray(at)
  }
  const owe = (bytes: Buffer) => {
    owed.push(bytes)
    owedBytes += bytes.length
    timer ??= setTimeout(retry, retryMillis).unref()
  }
  const lose = (lines: number) => {
    auditFailures.add(lines)
    lost += lines
  }
  /** Nothing is owed any more. */
  const settled = (): boolean => {
    while (owed[0] !== undefined) {
      const left = put(owed[0])
      owedBytes -= owed[0].length - left.length
      if (left.length > 0) {
        owed[0] = left
        return false
      }
      owed.shift()
    }
    return tellLost()
  }
  const tellLost = (): boolean => {
    if (lost === 0) return true
    const text = bytesOf({ time: now().toISOString(), event: "audit-lost", lines: lost })
    const left = put(text)
    // Not one byte of it: it is told later, with what is lost until then.
    if (left.length === text.length) return false
    lost = 0
    if (left.length > 0) owe(left)
    return left.length === 0
  }
  const retry = () => {
    timer = undefined
    if (!settled()) timer = setTimeout(retry, retryMillis).unref()
  }
  return {
    write: (line) => {
      const text = bytesOf(line)
      const left = settled() ? put(text) : text
      if (left.length === 0) return
      // The beginning of a line is never left without its rest.
      if (left.length < text.length || (lost === 0 && owedBytes + left.length <= maxOwedBytes)) owe(left)
      else lose(1)
    },
    writeNow: (line) => {
      if (!settled()) return false
      const text = bytesOf(line)
      const left = put(text)
      if (left.length > 0 && left.length < text.length) owe(left)
      return left.length === 0
    },
    failure: () => failure,
    reopen: () => {
      if (target === "-") return
      try {
        const next = open()
        closeSync(file)
        file = next
        lose(owed.length)
        owed = []
        owedBytes = 0
        settled()
      } catch (error) {
        failure = (error as NodeJS.ErrnoException).code ?? "unopenable"
      }
    },
    close: () => {
      clearTimeout(timer)
      settled()
      if (file !== 1) closeSync(file)
    },
  }
}

const bytesOf = (line: AuditLine): Buffer => Buffer.from(`${JSON.stringify(line)}\n`)

/** A description of its own, because the one we were given is shared with others, who may want to wait. A socket cannot be opened so. */
const standardOutput = (): number => {
  try {
    return openSync("/proc/self/fd/1", flags & ~constants.O_CREAT)
  } catch {
    return 1
  }
}
