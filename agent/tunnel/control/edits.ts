import type { Connection, ControlAction, ControlReport, ControlState } from "./state.ts"

/** A state and what is to be done about it. */
export type Stepped = readonly [ControlState, readonly ControlAction[]]

/** Whether no connection with the present credentials serves, or is about to. */
export const needsSession = (state: ControlState): boolean =>
  !state.connections.some(
    (one) => one.credentials === state.credentials && (one.phase !== "open" || one.silentSince === undefined),
  )

export const put = (state: ControlState, connection: Connection): ControlState => ({
  ...state,
  connections: state.connections.map((one) => (one.id === connection.id ? connection : one)),
})
export const without = (state: ControlState, connection: Connection): ControlState => ({
  ...state,
  connections: state.connections.filter(({ id }) => id !== connection.id),
})
export const close = ({ id }: Connection, code: number, reason: string): ControlAction => ({
  type: "close",
  id,
  code,
  reason,
})
export const report = (what: ControlReport): ControlAction => ({ type: "report", report: what })
