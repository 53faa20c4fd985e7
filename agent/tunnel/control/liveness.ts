import { busyPingMillis, idlePingMillis, pongMillis } from "../../../protocol/control.ts"
import type { Connection, ControlAction, ControlState, Moment, OpenPhase } from "./state.ts"

/** A silent session is kept this long beside its replacement: it may only have been slow. */
const silentLimitMillis = 15_000

type Open = Connection & OpenPhase

/** When something must be done about an open session: its next ping, the end of the wait for a pong, or its end. */
const openDeadline = (open: Open, streamsLive: boolean): number => {
  if (open.silentSince !== undefined) return open.silentSince + silentLimitMillis
  if (open.awaiting !== undefined) return open.awaiting.deadline
  return open.pingedAt + (streamsLive ? busyPingMillis : idlePingMillis)
}

const deadlineOf = (connection: Connection, streamsLive: boolean): number =>
  connection.phase === "open"
    ? openDeadline(connection, streamsLive)
    : connection.phase === "proving"
      ? connection.deadline
      : Number.POSITIVE_INFINITY

export const isDue = (connection: Connection, { at, streamsLive }: Moment): boolean =>
  deadlineOf(connection, streamsLive) <= at

/** When the step function wants its next `timer` event; undefined for never. */
export const nextTimer = (state: ControlState, streamsLive: boolean): number | undefined => {
  const earliest = Math.min(
    state.dialAt ?? Number.POSITIVE_INFINITY,
    ...state.connections.map((connection) => deadlineOf(connection, streamsLive)),
  )
  return Number.isFinite(earliest) ? earliest : undefined
}

/** What a due open session does: ping, be called silent, or end (no connection in the answer). */
export const onTimer = (
  open: Open,
  { at }: Moment,
): { readonly connection?: Connection; readonly actions: readonly ControlAction[] } => {
  if (open.silentSince !== undefined) return { actions: [] }
  if (open.awaiting !== undefined)
    return { connection: { ...open, silentSince: at }, actions: [{ type: "report", report: { event: "silent" } }] }
  return pinged(open, at)
}

/** A session that is asked for a sign of life. */
export const pinged = (open: Open, at: number) => {
  const id = Math.floor(at)
  const connection: Connection = { ...open, pingedAt: at, awaiting: { id, deadline: at + pongMillis } }
  const actions: readonly ControlAction[] = [{ type: "send", id: open.id, message: { type: "ping", id } }]
  return { connection, actions }
}
