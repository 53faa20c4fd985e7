import { dialAnswerMillis } from "../../../protocol/ticket.ts"
import { maxDialAttempts, openingMillis, signOfLifeMillis } from "../../../relay/configuration/limits.ts"
import type { ControlSession } from "../../../relay/sessions/ControlSession.ts"
import type { OpeningFailure } from "../../../relay/streams/openingStep.ts"
import type { Host } from "../network/Host.ts"

interface Asked {
  readonly session: ControlSession
  readonly at: number
  readonly wasQuiet: boolean
  refused: boolean
}

export interface WatchSurroundings {
  readonly host: Host
  readonly resumes: boolean
  /** Whether a session that takes new streams is there beside those that were asked. */
  readonly isAnotherThere: (asked: ReadonlySet<ControlSession>) => boolean
  readonly violation: (what: string) => void
}

/**
 * Judges one opening by what it does: while nothing is expected of those that it asked, it waits beside nobody who could be asked (decision 0087).
 * The streams alone do not show it, because a user's proxy dials again after every failure.
 */
export class OpeningWatch {
  /** Dials that wait for their turn at the pace. */
  queued = 0
  readonly #around: WatchSurroundings
  readonly #asked: Asked[] = []
  readonly #began: number
  #over = false

  constructor(around: WatchSurroundings) {
    this.#around = around
    this.#began = around.host.now
    around.host.after(openingMillis + 1, () => this.#over || around.violation("an opening outlived its time"))
  }

  asked(session: ControlSession) {
    const { host, violation } = this.#around
    if (this.#asked.some((one) => one.session === session)) violation("a session was asked twice")
    this.#asked.push({ session, at: host.now, wasQuiet: session.isQuiet, refused: false })
    this.judge(signOfLifeMillis)
    this.judge(dialAnswerMillis)
  }

  refused(session: ControlSession) {
    for (const one of this.#asked) if (one.session === session) one.refused = true
    this.judge()
  }

  failed(failure: OpeningFailure) {
    const { host, resumes, violation } = this.#around
    if (failure.type === "dialFailed" && !this.#asked.some(({ refused }) => refused))
      violation("an opening ended as refused, and no agent had refused it")
    if (failure.type === "noAgent" && resumes && host.now - this.#began < openingMillis)
      violation("a resume was refused at once because no agent was there")
  }

  ended() {
    this.#over = true
  }

  /** After everything else that its moment brings: a session comes before the opening hears that the one before it went. */
  judge(afterMillis = 0) {
    const { host } = this.#around
    host.after(afterMillis, () => host.after(0, () => this.#judge()))
  }

  #judge() {
    const { isAnotherThere, violation } = this.#around
    if (this.#over || this.queued > 0 || this.#asked.length >= maxDialAttempts) return
    if (this.#asked.some((one) => this.#isExpected(one))) return
    if (isAnotherThere(new Set(this.#asked.map(({ session }) => session))))
      violation("an opening waits beside a session that was not asked")
  }

  #isExpected({ session, at, wasQuiet, refused }: Asked): boolean {
    const patience = wasQuiet && session.isQuiet ? signOfLifeMillis : dialAnswerMillis
    return session.isOpen && !refused && this.#around.host.now - at < patience
  }
}
