import type { Dial, FromAgent, FromRelay } from "../../../protocol/control.ts"
import type { Setback } from "./backoff.ts"

/** What never changes while the process lives. */
export interface Identity {
  /** Normalised: a challenge that names another relay is not signed. */
  readonly relayUrl: string
}

/** One WebSocket to the relay, from the first attempt to its end. */
export type Connection = {
  readonly id: number
  /** Which credentials it proves itself with. */
  readonly credentials: number
} & (
  | { readonly phase: "dialling" }
  /** Connected; `deadline` is when the welcome must be there. */
  | { readonly phase: "proving"; readonly deadline: number; readonly answered: boolean }
  | OpenPhase
)

export interface OpenPhase {
  readonly phase: "open"
  readonly openedAt: number
  readonly replica: string
  readonly pingedAt: number
  /** The ping that waits for its pong. */
  readonly awaiting?: { readonly id: number; readonly deadline: number }
  /** Since when it owes an answer; it is replaced and, if nothing comes, dropped. */
  readonly silentSince?: number
}

/** All control sessions of one agent process: normally one, two while one replaces the other. */
export interface ControlState {
  readonly connections: readonly Connection[]
  /** Counts the credentials' changes. */
  readonly credentials: number
  /** Failures in a row. */
  readonly failures: number
  readonly dialAt?: number
  readonly nextId: number
  readonly draining: boolean
}

/** The world at the time of an event: the step function has no clock, no dice and no sockets. */
export interface Moment {
  /** Milliseconds of a monotonic clock. */
  readonly at: number
  /** In [0, 1). */
  readonly random: number
  /** Streams may be waiting for this agent: carriers now, or lost so recently that their hold has not ended. */
  readonly streamsLive: boolean
}

export type ControlEvent =
  | { readonly type: "timer" }
  | { readonly type: "connected"; readonly id: number }
  | { readonly type: "connectFailed"; readonly id: number; readonly setback: Setback; readonly detail: string }
  | { readonly type: "received"; readonly id: number; readonly message: FromRelay }
  | { readonly type: "malformed"; readonly id: number; readonly detail: string }
  | { readonly type: "closed"; readonly id: number; readonly code: number; readonly reason: string }
  | { readonly type: "credentialsChanged" }
  /** A carrier was lost: what broke it may have broken the sessions, which are silent for longer. */
  | { readonly type: "carrierLost" }
  | { readonly type: "drain" }

export type ControlAction =
  | { readonly type: "dial"; readonly id: number }
  /** Sign the challenge and send hello. */
  | { readonly type: "prove"; readonly id: number; readonly nonce: string }
  /** Keep the secret of a session that is now open. */
  | { readonly type: "opened"; readonly id: number; readonly sessionSecret: string }
  | { readonly type: "send"; readonly id: number; readonly message: FromAgent }
  | { readonly type: "close"; readonly id: number; readonly code: number; readonly reason: string }
  | { readonly type: "serve"; readonly id: number; readonly dial: Dial }
  | { readonly type: "report"; readonly report: ControlReport }

/** What happened, for log and metrics. Holds no secret. */
export type ControlReport =
  | { readonly event: "opened"; readonly replica: string }
  | { readonly event: "unreachable"; readonly detail: string; readonly retryInMillis: number | undefined }
  /** `cause` is the relay's own word (NotRegistered, …) or one of ours (RelayUrlDiffers, NoWelcome, ProtocolError, Revoked). */
  | {
      readonly event: "refused"
      readonly cause: string
      readonly detail: string
      readonly retryInMillis: number | undefined
    }
  | { readonly event: "lost"; readonly detail: string; readonly retryInMillis: number | undefined }
  | { readonly event: "silent" }
  | { readonly event: "ignored"; readonly detail: string }
  | { readonly event: "superseded" }

export const initialState: ControlState = {
  connections: [],
  credentials: 1,
  failures: 0,
  dialAt: 0,
  nextId: 1,
  draining: false,
}
