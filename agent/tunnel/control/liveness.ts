import { busyPingMillis, idlePingMillis, pongMillis } from "../../../protocol/control.ts"
import type { Connection, ControlAction, ControlState, Moment, OpenPhase } from "./state.ts"

/** A silent session is kept this long beside its replacement: it may only have been slow. */
export const silentLimitMillis = 15_000

type Open = Connection & OpenPhase

/** When something must be done about an open session: its next ping, the end of the wait for a pong, or its end. */
const openDeadline = (open: Open, carriers: number): number => {
  if (open.silentSince !== undefined) return open.silentSince + silentLimitMillis
  if (open.awaiting !== undefined) return open.awaiting.deadline
  return open.pingedAt + (carriers > 0 ? busyPingMillis : idlePingMillis)
}

const deadlineOf = (connection: Connection, carriers: number): number =>
  connection.phase === "open"
    ? openDeadline(connection, carriers)
    : connection.phase === "proving"
      ? connection.deadline
      : Number.POSITIVE_INFINITY

export const isDue = (connection: Connection, { at, carriers }: Moment): boolean =>
  deadlineOf(connection, carriers) <= at

/** When the step function wants its next `timer` event; undefined for never. It changes with the number of carriers. */
export const nextTimer = (state: ControlState, carriers: number): number | undefined => {
  const earliest = Math.min(
    state.dialAt ?? Number.POSITIVE_INFINITY,
    ...state.connections.map((connection) => deadlineOf(connection, carriers)),
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
  const id = Math.floor(at)
  return {
    connection: { ...open, pingedAt: at, awaiting: { id, deadline: at + pongMillis } },
    actions: [{ type: "send", id: open.id, message: { type: "ping", id } }],
  }
}
