import { randomBytes } from "node:crypto"
import type { AuditEvent } from "../../attack/range/AuditTrail.ts"
import { LogTail } from "./LogTail.ts"

/** What the API server may see of one request: this user, or nobody. */
export interface Verdict {
  readonly username: string
  readonly groups: readonly string[]
}

/** An address that attackers claim as theirs; it must never get on record. */
export const claimedAddress = "203.0.113.66"
/** Stands in every request that is hidden in another's body. */
export const smuggledMark = "smuggled-request"

const markPattern = /cc[0-9a-f]{16}/g
const ownExtra = /^(clusterconnect\.dev|authentication\.kubernetes\.io)\//

const isOwnQuestion = ({ requestURI, impersonatedUser }: AuditEvent): boolean =>
  impersonatedUser === undefined
    ? requestURI === "/version" || requestURI === "/livez"
    : impersonatedUser.username.startsWith("clusterconnect-probe")

/**
 * Reads the API server's own record. Every request of an auth proxy's account must be by a user whose valid token was sent with
 * the request that carries this mark; nobody else may have sent anything that carries a mark.
 */
export class AuditJudge {
  /** What was not allowed to happen, with the seed of the attempt. */
  readonly violations: string[] = []
  /** Requests that reached the API server as they may. */
  reached = 0
  readonly #tail: LogTail
  readonly #accounts: string
  /** By mark; undefined: no valid token was sent, so the API server may see nothing. */
  readonly #marks = new Map<string, { readonly seed: number; readonly verdict: Verdict | undefined }>()
  readonly #byUser = new Map<string, string>()
  readonly #seen = new Set<string>()

  constructor(file: string, accounts: string) {
    this.#tail = new LogTail(file)
    this.#accounts = accounts
  }

  /** A mark nobody can hit by mutating another one. */
  static newMark(): string {
    return `cc${randomBytes(8).toString("hex")}`
  }

  /** Says before a request is sent what may come of it. */
  expect(mark: string, seed: number, verdict: Verdict | undefined): void {
    this.#marks.set(mark, { seed, verdict })
    if (verdict !== undefined) this.#byUser.set(verdict.username, mark)
  }

  /** Judges what was recorded since the last look. */
  look(): void {
    for (const line of this.#tail.lines()) {
      const event = JSON.parse(line) as AuditEvent
      const fault = this.#fault(event)
      if (fault === "foreign") continue
      if (fault !== undefined) this.violations.push(`${fault}: ${line}`)
      else if (!this.#seen.has(event.auditID)) {
        this.#seen.add(event.auditID)
        this.reached += 1
      }
    }
  }

  /** Whether a request with this mark has reached the API server. */
  hasSeen(mark: string): boolean {
    return this.#reachedMarks.has(mark)
  }
  readonly #reachedMarks = new Set<string>()

  close(): void {
    this.#tail.close()
  }

  #fault(event: AuditEvent): string | undefined {
    const text = `${event.requestURI} ${event.userAgent ?? ""}`
    const known = [...new Set(text.match(markPattern) ?? [])].filter((mark) => this.#marks.has(mark))
    for (const mark of known) this.#reachedMarks.add(mark)
    if (text.includes(smuggledMark)) return "a smuggled request"
    if (!event.user.username.startsWith(this.#accounts))
      return known.length === 0 ? "foreign" : `seed ${this.#seedOf(known)}: sent by ${event.user.username}`
    if (isOwnQuestion(event)) return "foreign"
    const user = event.impersonatedUser
    if (user === undefined) return `seed ${this.#seedOf(known)}: nobody is impersonated`
    const mark = this.#byUser.get(user.username)
    if (mark === undefined) return `seed ${this.#seedOf(known)}: a user whose valid token was not sent`
    if (known.some((other) => other !== mark)) return `seed ${this.#seedOf(known)}: another request's user`
    const wanted = [...new Set([...(this.#marks.get(mark)?.verdict?.groups ?? []), "system:authenticated"])].sort()
    const found = [...new Set(user.groups ?? [])].sort()
    if (JSON.stringify(found) !== JSON.stringify(wanted)) return `seed ${this.#seedOf([mark])}: other groups`
    if (Object.keys(user.extra ?? {}).some((key) => !ownExtra.test(key)))
      return `seed ${this.#seedOf([mark])}: a foreign extra`
    if (event.sourceIPs?.includes(claimedAddress)) return `seed ${this.#seedOf([mark])}: a claimed address`
    return undefined
  }

  #seedOf(marks: readonly string[]): string {
    const [mark] = marks
    return mark === undefined ? "unknown" : String(this.#marks.get(mark)?.seed)
  }
}
