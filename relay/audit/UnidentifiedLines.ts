import { auditSuppressed } from "../metrics.ts"
import type { AuditLine } from "./AuditLog.ts"

/** Lines about peers who have not shown who they are: so many at once, and so many a second after that. */
export const unidentifiedBurst = 200
const unidentifiedPerSecond = 20

/**
 * Audit lines that anybody on the internet can cause. Written at a bounded rate, 20 a second of some 300 bytes or 500 MB a day
 * at the worst, because a full disk would silence the audit of everybody else; the next line says how many were left out.
 */
export class UnidentifiedLines {
  readonly #write: (line: AuditLine) => void
  readonly #now: () => number
  #left = unidentifiedBurst
  #at: number
  #suppressed = 0

  constructor(write: (line: AuditLine) => void, now: () => number) {
    this.#write = write
    this.#now = now
    this.#at = now()
  }

  write(line: AuditLine): void {
    const now = this.#now()
    this.#left = Math.min(unidentifiedBurst, this.#left + ((now - this.#at) / 1000) * unidentifiedPerSecond)
    this.#at = now
    if (this.#left < 1) {
      this.#suppressed += 1
      auditSuppressed.add(1)
      return
    }
    this.#left -= 1
    const suppressed = this.#suppressed
    this.#suppressed = 0
    this.#write(suppressed === 0 ? line : { ...line, suppressedBefore: suppressed })
  }
}
