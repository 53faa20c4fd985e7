import { clientFailureOf } from "../failures.ts"
import type { Finding } from "./findings.ts"
import { type CheckName, remedies } from "./remedies.ts"

/** Checks in the order in which a connection comes about: what stands on a failed one is skipped, not guessed. */
export class Examination {
  readonly findings: Finding[] = []
  readonly #failed = new Set<string>()

  add(finding: Finding): void {
    this.findings.push(finding)
    if (finding.verdict !== "ok") this.#failed.add(finding.check)
  }

  problem(check: CheckName, subject: string, error: unknown): void {
    const failure = clientFailureOf(error)
    this.add({
      check: named(check, subject),
      verdict: "problem",
      detail: failure.message,
      remedy: remedies[check],
      failure,
    })
  }

  /**
   * Runs a check unless one of `after` was not ok. `body` resolves with what is to be shown and what later checks need; undefined
   * comes back when there is nothing to go on with.
   */
  async check<A>(
    check: CheckName,
    subject: string,
    after: readonly string[],
    body: () => Promise<{ readonly detail: string; readonly value: A }>,
  ): Promise<A | undefined> {
    const name = named(check, subject)
    const missing = after.find((one) => this.#failed.has(one))
    if (missing !== undefined) {
      this.add({ check: name, verdict: "skipped", detail: `needs ${missing}` })
      return undefined
    }
    try {
      const { detail, value } = await body()
      this.add({ check: name, verdict: "ok", detail })
      return value
    } catch (error) {
      this.problem(check, subject, error)
      return undefined
    }
  }
}

/** Checks of a cluster carry its name. */
export const named = (check: CheckName, subject: string): string => (subject === "" ? check : `${subject}: ${check}`)
