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
      /** Asked, and no refusal heard; each has a ticket of its own. */
      readonly outstanding: readonly Attempt[]
      /** Those of them that are late or whose session was lost: they may still come, but nothing is expected of them. */
      readonly doubted: readonly Attempt[]
      readonly attempts: number
      /** The last thing that an agent said; what the user is told when nothing is left to try. */
      readonly heard: DialFailure | undefined
      /** The stream was there a moment ago, and with it an agent: when there is none now, one is waited for. */
      readonly resumes: boolean
      /** `choose` is not answered yet. */
      readonly choosing: boolean
      /** Nobody was left to ask: the next agent that comes is. */
      readonly wanting: boolean
    }
  | { readonly phase: "ended" }
type Waiting = Extract<OpeningState, { readonly phase: "waiting" }>

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
  doubted: [],
  attempts: 0,
  heard: undefined,
  resumes,
  choosing: false,
  wanting: false,
})

/** One at a time. */
const choose = (state: Waiting): Next =>
  state.choosing ? [state, []] : [{ ...state, choosing: true, wanting: false }, [{ type: "choose" }]]

/** Whether a half may be on its way. Once an agent has refused, those that are doubted are not waited for: the user's next dial asks anew. */
const hopes = ({ outstanding, doubted, heard }: Waiting) =>
  outstanding.some((attempt) => heard === undefined || !doubted.includes(attempt))

/** Another agent cannot do better about these: the stream lives in one auth proxy, or the auth proxies said no. */
const isFinal = (reason: DialFailure) => reason === "instance" || reason === "auth-proxy-refused"

export const openingStep = (state: OpeningState, event: OpeningEvent): Next => {
  if (state.phase === "ended") return [state, []]
  const end = (...actions: readonly OpeningAction[]): Next => [{ phase: "ended" }, [...actions, { type: "forget" }]]
  const fail = (failure: OpeningFailure): Next => end({ type: "refuse", failure })
  const failAsHeard = (heard: DialFailure | undefined): Next =>
    fail(heard === undefined ? { type: "noAgent" } : { type: "dialFailed", reason: heard })
  const goOn = (left: Waiting): Next => {
    if (left.attempts < maxDialAttempts) return choose(left)
    return hopes(left) ? [left, []] : failAsHeard(left.heard)
  }
  switch (event.type) {
    case "chosen": {
      const attempt = state.attempts
      const chosen = { ...state, choosing: false }
      if (event.available)
        return [
          { ...chosen, attempts: attempt + 1, outstanding: [...state.outstanding, attempt] },
          [{ type: "dial", attempt }],
        ]
      if (hopes(state) || (state.resumes && attempt === 0)) return [{ ...chosen, wanting: true }, []]
      return failAsHeard(state.heard)
    }
    case "agentCame":
      return state.wanting ? choose(state) : [state, []]
    case "dialFailed": {
      const { attempt, reason } = event
      if (!state.outstanding.includes(attempt)) return [state, []]
      if (isFinal(reason)) return fail({ type: "dialFailed", reason })
      const left = { ...state, heard: reason, outstanding: state.outstanding.filter((one) => one !== attempt) }
      return goOn(left)
    }
    case "unanswered": {
      if (!state.outstanding.includes(event.attempt) || state.doubted.includes(event.attempt)) return [state, []]
      return goOn({ ...state, doubted: [...state.doubted, event.attempt] })
    }
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
