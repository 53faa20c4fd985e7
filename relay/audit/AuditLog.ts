import { closeSync, openSync, writeSync } from "node:fs"
import { auditFailures } from "../metrics.ts"

export type AuditLine = Readonly<Record<string, unknown>>

/** One JSON object a line: who did what to which cluster, from where, when, and how it ended. */
export interface AuditLog {
  readonly write: (line: AuditLine) => void
  /** What the last line met; undefined when it was written. */
  readonly failure: () => string | undefined
  /** After the file was moved away. */
  readonly reopen: () => void
  readonly close: () => void
}

/** `-` is stdout. Lines are written before the call returns: what was answered was recorded. */
export const openAuditLog = (target: string): AuditLog => {
  const open = () => (target === "-" ? 1 : openSync(target, "a", 0o600))
  let file = open()
  let failure: string | undefined
  return {
    write: (line) => {
      try {
        const text = Buffer.from(`${JSON.stringify(line)}\n`)
        for (let at = 0; at < text.length; ) at += writeSync(file, text, at)
        failure = undefined
      } catch (error) {
        failure = (error as NodeJS.ErrnoException).code ?? "unwritable"
        auditFailures.add(1)
      }
    },
    failure: () => failure,
    reopen: () => {
      if (target === "-") return
      try {
        const next = open()
        closeSync(file)
        file = next
      } catch (error) {
        failure = (error as NodeJS.ErrnoException).code ?? "unopenable"
      }
    },
    close: () => {
      if (target !== "-") closeSync(file)
    },
  }
}
