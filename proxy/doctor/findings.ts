import type { ClientFailure } from "../failures.ts"
import { printable } from "../printable.ts"

/** What one check found. `remedy` is what a person can do; only problems have one. */
export interface Finding {
  readonly check: string
  readonly verdict: "ok" | "problem" | "skipped"
  readonly detail: string
  readonly remedy?: string
  /** Decides the exit code. */
  readonly failure?: ClientFailure
}

/** A person's form: one line per check, a remedy under each problem. */
export const findingLines = (findings: readonly Finding[]): readonly string[] => {
  const width = Math.max(...findings.map(({ check }) => check.length)) + 2
  return findings.flatMap(({ check, verdict, detail, remedy }) => [
    `${verdict.padEnd(9)}${check.padEnd(width)}${printable(detail)}`,
    ...(remedy === undefined ? [] : [`${" ".repeat(9 + width)}-> ${remedy}`]),
  ])
}

/** A program's form; nothing in it is secret. */
export const findingRecord = ({ check, verdict, detail, remedy, failure }: Finding) => ({
  check,
  verdict,
  detail,
  ...(remedy === undefined ? {} : { remedy }),
  ...(failure === undefined ? {} : { failure: failure._tag, ...("cause" in failure ? { cause: failure.cause } : {}) }),
})
