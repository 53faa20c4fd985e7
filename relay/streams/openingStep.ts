import type { DialFailure } from "../../protocol/control.ts"
import { maxDialAttempts } from "../configuration/limits.ts"

/** Names a control session in an opening: its place in the order in which sessions were asked. */
export type Attempt = number

/** How an opening ends without a carrier. */
export type OpeningFailure =
  | { readonly type: "noAgent" }
  | { readonly type: "dialFailed"; readonly reason: DialFailure }
  | { readonly type: "unanswered" }
  | { readonly type: "draining" }
  | { readonly type: "revoked" }

/** A user's half that waits for an agent's. */
export type OpeningState =
  | {
      readonly phase: "waiting"
      /** Asked and not answered yet; each has a ticket of its own. */
      readonly outstanding: readonly Attempt[]
      readonly attempts: number
      /** The last thing that an agent said; what the user is told when nothing is left to try. */
      readonly heard: DialFailure | undefined
      /** The stream was there a moment ago, and with it an agent: when there is none now, one is waited for. */
      readonly resumes: boolean
      /** Nobody was left to ask: the next agent that comes is. */
      readonly wanting: boolean
    }
  | { readonly phase: "ended" }

export type OpeningEvent =
  /** A session was chosen; `undefined` when there is none left. */
  | { readonly type: "chosen"; readonly available: boolean }
  /** A session of the cluster has been opened. */
  | { readonly type: "agentCame" }
  | { readonly type: "dialFailed"; readonly attempt: Attempt; readonly reason: DialFailure }
  /** Too late, or the control session was lost, which answers nothing: the agent may still be on its way with the ticket. */
  | { readonly type: "unanswered"; readonly attempt: Attempt }
  | { readonly type: "arrived"; readonly attempt: Attempt }
  | { readonly type: "userLeft" }
  | { readonly type: "expired" }
  | { readonly type: "ended"; readonly failure: OpeningFailure }

export type OpeningAction =
  /** Answer with `chosen`. */
  | { readonly type: "choose" }
  | { readonly type: "dial"; readonly attempt: Attempt }
  | { readonly type: "pair"; readonly attempt: Attempt }
  | { readonly type: "refuse"; readonly failure: OpeningFailure }
  /** All tickets die; follows the last action of every opening. */
  | { readonly type: "forget" }

type Next = readonly [OpeningState, readonly OpeningAction[]]

export const opening = (resumes: boolean): OpeningState => ({
  phase: "waiting",
  outstanding: [],
  attempts: 0,
  heard: undefined,
  resumes,
  wanting: false,
})

/** Another agent cannot do better about these: the stream lives in one auth proxy, or the auth proxies said no. */
const isFinal = (reason: DialFailure) => reason === "instance" || reason === "auth-proxy-refused"

export const openingStep = (state: OpeningState, event: OpeningEvent): Next => {
  if (state.phase === "ended") return [state, []]
  const end = (...actions: readonly OpeningAction[]): Next => [{ phase: "ended" }, [...actions, { type: "forget" }]]
  const fail = (failure: OpeningFailure): Next => end({ type: "refuse", failure })
  switch (event.type) {
    case "chosen": {
      if (event.available) {
        const attempt = state.attempts
        return [
          { ...state, attempts: attempt + 1, outstanding: [...state.outstanding, attempt], wanting: false },
          [{ type: "dial", attempt }],
        ]
      }
      const waits = state.outstanding.length > 0 || (state.resumes && state.attempts === 0)
      if (waits) return [{ ...state, wanting: true }, []]
      return fail(state.heard === undefined ? { type: "noAgent" } : { type: "dialFailed", reason: state.heard })
    }
    case "agentCame":
      return [state, state.wanting ? [{ type: "choose" }] : []]
    case "dialFailed": {
      if (!state.outstanding.includes(event.attempt)) return [state, []]
      if (isFinal(event.reason)) return fail({ type: "dialFailed", reason: event.reason })
      const left = {
        ...state,
        heard: event.reason,
        outstanding: state.outstanding.filter((one) => one !== event.attempt),
      }
      if (left.attempts < maxDialAttempts) return [left, [{ type: "choose" }]]
      return left.outstanding.length > 0 ? [left, []] : fail({ type: "dialFailed", reason: event.reason })
    }
    case "unanswered":
      return state.outstanding.includes(event.attempt) && state.attempts < maxDialAttempts
        ? [state, [{ type: "choose" }]]
        : [state, []]
    case "arrived":
      return state.outstanding.includes(event.attempt) ? end({ type: "pair", attempt: event.attempt }) : [state, []]
    case "userLeft":
      return end()
    case "expired":
      if (state.attempts === 0) return fail({ type: "noAgent" })
      return fail(state.heard === undefined ? { type: "unanswered" } : { type: "dialFailed", reason: state.heard })
    case "ended":
      return fail(event.failure)
  }
}
