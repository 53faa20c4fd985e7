import { closeCode } from "../../../protocol/names.ts"
import { delayMillis, type Setback } from "./backoff.ts"
import { close, needsSession, report, type Stepped, without } from "./edits.ts"
import type { Connection, ControlState, Moment } from "./state.ts"

/** A session that lasted this long was a success: the next failure begins the backoff anew. */
const stableMillis = 10_000

/** RFC 6455 section 7.4.1: what the connection was for is done. */
const normalClosure = 1000

/** The relay or the network ended it. */
export const closed = (
  state: ControlState,
  connection: Connection,
  { code, reason }: { readonly code: number; readonly reason: string },
  moment: Moment,
): Stepped => {
  const detail = `closed with ${code}${reason === "" ? "" : ` (${reason})`}`
  if (code === closeCode.revoked)
    return failed(state, connection, "refused", moment, { event: "refused", cause: "Revoked", detail })
  if (code === closeCode.protocolError)
    return failed(state, connection, "refused", moment, { event: "refused", cause: "ProtocolError", detail })
  // A newer session of this process took its place, and the relay was faster than we in ending the older.
  if (code === closeCode.superseded && state.connections.some(({ id }) => id > connection.id))
    return [without(state, connection), [report({ event: "superseded" })]]
  return failed(state, connection, "lost", moment, { event: "lost", detail })
}

/** We end it: the relay broke the protocol, or is not ours. `cause` is one of our words, fit for a close reason. */
export const rejected = (
  state: ControlState,
  connection: Connection,
  moment: Moment,
  cause: string,
  detail: string,
  setback: Setback = "refused",
): Stepped => {
  const [next, actions] = failed(state, connection, setback, moment, { event: "refused", cause, detail })
  return [next, [close(connection, closeCode.protocolError, cause), ...actions]]
}

/** Refusals that say nothing of this agent and pass by themselves. */
const passing: ReadonlySet<string> = new Set(["StoreUnavailable", "ChallengeExpired"])

/** The relay said no, in its own words; it closes, and so do we. */
export const refused = (
  state: ControlState,
  connection: Connection,
  { cause, message: detail }: { readonly cause: string; readonly message: string },
  moment: Moment,
): Stepped => {
  const setback = passing.has(cause) ? "lost" : "refused"
  const [next, actions] = failed(state, connection, setback, moment, { event: "refused", cause, detail })
  return [next, [close(connection, normalClosure, "refused"), ...actions]]
}

type Failure =
  | { readonly event: "unreachable" | "lost"; readonly detail: string }
  | { readonly event: "refused"; readonly cause: string; readonly detail: string }

/** One connection is gone: says why, and when the next is due if none takes its place. */
export const failed = (
  state: ControlState,
  connection: Connection,
  setback: Setback,
  moment: Moment,
  what: Failure,
): Stepped => {
  const rest = without(state, connection)
  const wasStable = connection.phase === "open" && moment.at - connection.openedAt >= stableMillis
  const failures = (wasStable ? 0 : state.failures) + 1
  if (state.draining || !needsSession(rest)) {
    const nothingDue = { ...what, retryInMillis: undefined }
    return [rest, [report(nothingDue)]]
  }
  const retryInMillis = delayMillis(setback, failures, moment)
  return [{ ...rest, failures, dialAt: moment.at + retryInMillis }, [report({ ...what, retryInMillis })]]
}
