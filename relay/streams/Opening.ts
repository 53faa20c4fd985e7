import type { DialFailure } from "../../protocol/control.ts"
import { dialAnswerMillis } from "../../protocol/ticket.ts"
import { openingMillis, signOfLifeMillis } from "../configuration/limits.ts"
import type { ControlSession } from "../sessions/ControlSession.ts"
import type { Time } from "../time/Time.ts"
import {
  type Attempt,
  type OpeningAction,
  type OpeningEvent,
  type OpeningFailure,
  type OpeningState,
  opening,
  openingStep,
} from "./openingStep.ts"

export interface OpeningSurroundings {
  readonly time: Time
  /** The stream is one that was there before. */
  readonly resumes: boolean
  readonly choose: (tried: ReadonlySet<ControlSession>) => ControlSession | undefined
  /** Runs the job now or later; it returns whether it dialled. */
  readonly pace: (job: () => boolean) => void
  /** Sends the dial and returns its ticket. */
  readonly dial: (session: ControlSession, attempt: Attempt) => string
  readonly revokeTicket: (ticket: string) => void
  readonly onPaired: (session: ControlSession) => void
  readonly onRefused: (failure: OpeningFailure) => void
  /** Last of all, whatever the end. */
  readonly onEnd: () => void
}

interface Asked {
  readonly session: ControlSession
  readonly ticket: string
  readonly stopWaiting: () => void
}

/** One user's half on its way to an agent's: drives `openingStep`. */
export class Opening {
  #state: OpeningState
  readonly #around: OpeningSurroundings
  readonly #asked: Asked[] = []
  #chosen: ControlSession | undefined
  #stopDeadline: () => void = () => {}

  constructor(around: OpeningSurroundings) {
    this.#around = around
    this.#state = opening(around.resumes)
  }

  /** Asks the first session; the end may come before this returns. */
  start() {
    this.#stopDeadline = this.#around.time.after(openingMillis, () => this.#apply({ type: "expired" }))
    this.#choose()
  }

  /** The agent's half of this attempt is here. False when it came too late. */
  arrived(attempt: Attempt): boolean {
    const waiting = this.#state.phase === "waiting"
    this.#apply({ type: "arrived", attempt })
    return waiting && this.#state.phase === "ended"
  }

  agentCame() {
    this.#apply({ type: "agentCame" })
  }

  /** Answers nothing: its agent may still be on its way with the ticket. */
  sessionEnded(ended: ControlSession) {
    for (const [attempt, { session }] of this.#asked.entries())
      if (session === ended) this.#apply({ type: "unanswered", attempt })
  }

  dialFailed(attempt: Attempt, reason: DialFailure) {
    this.#apply({ type: "dialFailed", attempt, reason })
  }

  userLeft() {
    this.#apply({ type: "userLeft" })
  }

  fail(failure: OpeningFailure) {
    this.#apply({ type: "ended", failure })
  }

  #apply(event: OpeningEvent) {
    const [state, actions] = openingStep(this.#state, event)
    this.#state = state
    for (const action of actions) this.#act(action)
  }

  #act(action: OpeningAction) {
    switch (action.type) {
      case "choose":
        return this.#around.pace(() => this.#state.phase === "waiting" && this.#choose())
      case "dial":
        return this.#dial(action.attempt)
      case "pair":
        return this.#around.onPaired(this.#asked[action.attempt]!.session)
      case "refuse":
        return this.#around.onRefused(action.failure)
      case "forget":
        return this.#forget()
    }
  }

  /** Whether there was somebody to ask. */
  #choose(): boolean {
    const chosen = this.#around.choose(new Set(this.#asked.map((one) => one.session)))
    this.#chosen = chosen
    this.#apply({ type: "chosen", available: chosen !== undefined })
    return chosen !== undefined
  }

  #dial(attempt: Attempt) {
    const session = this.#chosen!
    const unanswered = () => this.#apply({ type: "unanswered", attempt })
    const stops = [this.#around.time.after(dialAnswerMillis, unanswered)]
    if (session.isQuiet) stops.push(this.#around.time.after(signOfLifeMillis, () => session.isQuiet && unanswered()))
    const stopWaiting = () => {
      for (const stop of stops) stop()
    }
    session.streams += 1
    this.#asked.push({ session, ticket: this.#around.dial(session, attempt), stopWaiting })
  }

  #forget() {
    this.#stopDeadline()
    for (const { session, ticket, stopWaiting } of this.#asked) {
      stopWaiting()
      session.streams -= 1
      this.#around.revokeTicket(ticket)
    }
    this.#around.onEnd()
  }
}
