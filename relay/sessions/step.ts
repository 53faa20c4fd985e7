import type { DialFailure, FromAgent, FromRelay, Hello } from "../../protocol/control.ts"
import { closeCode } from "../../protocol/names.ts"
import type { RelayRefusal } from "../refusals.ts"

/** One control session as the relay sees it. */
export type SessionState =
  | { readonly phase: "challenged" }
  /** The agent proved itself; `draining` takes no new stream. */
  | { readonly phase: "open"; readonly draining: boolean }
  | { readonly phase: "closed" }

export type SessionEvent =
  | { readonly type: "message"; readonly message: FromAgent }
  | { readonly type: "malformed"; readonly detail: string }
  | { readonly type: "admitted"; readonly sessionSecret: string; readonly replica: string }
  | { readonly type: "refused"; readonly refusal: RelayRefusal }
  | { readonly type: "challengeExpired"; readonly refusal: RelayRefusal }
  /** We end it: superseded, revoked, moved. */
  | { readonly type: "end"; readonly code: number; readonly reason: string }
  /** The WebSocket is gone. */
  | { readonly type: "lost" }

export type SessionAction =
  | { readonly type: "send"; readonly message: FromRelay }
  | { readonly type: "verify"; readonly hello: Hello }
  | { readonly type: "opened" }
  | { readonly type: "dialFailed"; readonly ticket: string; readonly reason: DialFailure }
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  /** An open session is no longer usable; follows `opened` exactly once. */
  | { readonly type: "ended" }

type Next = readonly [SessionState, readonly SessionAction[]]

/** Close reasons are at most 123 bytes (RFC 6455 section 5.5); ours are words. */
const refusedBy = ({ _tag, message }: RelayRefusal): readonly SessionAction[] => [
  { type: "send", message: { type: "refused", cause: _tag, message } },
  { type: "close", code: closeCode.revoked, reason: _tag },
]

export const step = (state: SessionState, event: SessionEvent): Next => {
  if (state.phase === "closed") return [state, []]
  const ended: readonly SessionAction[] = state.phase === "open" ? [{ type: "ended" }] : []
  const close = (code: number, reason: string): Next => [
    { phase: "closed" },
    [{ type: "close", code, reason }, ...ended],
  ]
  switch (event.type) {
    case "lost":
      return [{ phase: "closed" }, ended]
    case "end":
      return close(event.code, event.reason)
    case "malformed":
      return close(closeCode.protocolError, "malformed")
    case "challengeExpired":
      return state.phase === "challenged" ? [{ phase: "closed" }, refusedBy(event.refusal)] : [state, []]
    case "refused":
      return [{ phase: "closed" }, [...refusedBy(event.refusal), ...ended]]
    case "admitted": {
      if (state.phase !== "challenged") return close(closeCode.protocolError, "admitted-twice")
      const { sessionSecret, replica } = event
      return [
        { phase: "open", draining: false },
        [{ type: "send", message: { type: "welcome", sessionSecret, replica } }, { type: "opened" }],
      ]
    }
    case "message":
      return received(state, event.message, close)
  }
}

const received = (
  state: Exclude<SessionState, { phase: "closed" }>,
  message: FromAgent,
  close: (code: number, reason: string) => Next,
): Next => {
  if (state.phase === "challenged")
    return message.type === "hello"
      ? [state, [{ type: "verify", hello: message }]]
      : close(closeCode.protocolError, "hello-expected")
  switch (message.type) {
    case "hello":
      return close(closeCode.protocolError, "hello-twice")
    case "ping":
      return [state, [{ type: "send", message: { type: "pong", id: message.id } }]]
    case "pong":
      return [state, []]
    case "draining":
      return [{ ...state, draining: true }, []]
    case "dialFailed":
      return [state, [{ type: "dialFailed", ticket: message.ticket, reason: message.reason }]]
  }
}
