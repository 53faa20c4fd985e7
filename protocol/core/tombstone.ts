import type { Frame } from "../frame.ts"
import { closeCode } from "../names.ts"
import { endedCode, lastPingId, wantsCarrier } from "./ending.ts"
import { lingerMillis } from "./limits.ts"
import { hasPassed } from "./liveness.ts"
import type { Action, Event, State, Tombstone } from "./state.ts"
import { takeOver } from "./takeOver.ts"
import { transmitTombstone } from "./transmit.ts"

/** Everything that can still happen to a stream that has ended here. */
export const stepTombstone = (state: Tombstone, event: Event, actions: Action[]): State => {
  const { at } = event
  switch (event.type) {
    case "attached":
      if (event.generation <= state.generation) break
      state.dialing = false
      attach(state, event, actions)
      break
    case "offered":
      if (event.generation <= state.generation) break
      attach(state, event, actions)
      break
    case "lost":
      if (event.generation !== state.generation || !state.attached) break
      state.attached = false
      if (event.code === endedCode || !state.accepted) state.settled = true
      redial(state, actions)
      break
    case "dialEnded":
      state.settled = true
      state.dialing = false
      break
    case "frame":
      if (event.generation === state.generation && state.attached) answer(state, event.frame)
      break
    case "malformed":
      // The peer is broken; it gets the reset or the close that it is owed, and no more is read into it.
      break
    default:
      break
  }
  if (hasPassed(state.endedAt, state.holdMillis, at) || (state.role === "client" && state.settled && !state.attached))
    return forget(state, actions)
  if (state.attached && at.now >= state.lingerUntil) {
    state.attached = false
    actions.push({ type: "close", generation: state.generation, code: closeCode.moved, reason: "unanswered" })
    if (!state.accepted) state.settled = true
    redial(state, actions)
  }
  transmitTombstone(state, at, actions)
  if (state.role === "client" && state.settled && !state.attached) return forget(state, actions)
  return state
}

const attach = (state: Tombstone, { generation, at }: Event & { readonly generation: number }, actions: Action[]) => {
  takeOver(state, generation, actions)
  state.lingerUntil = at.now + lingerMillis
  // Said again on every carrier, and by a client before its ping.
  state.owesAck = state.ackEnd !== "none"
  state.owesReset = state.unacknowledged !== undefined
  state.owesPing = state.role === "client" && !state.owesReset
}

const redial = (state: Tombstone, actions: Action[]) => {
  if (!wantsCarrier(state) || state.dialing) return
  state.dialing = true
  actions.push({ type: "dial", parallel: false })
}

const answer = (state: Tombstone, frame: Frame) => {
  switch (frame.type) {
    case "ping":
      state.owesPong = frame.id
      return
    case "fin":
      // Ours was complete when we ended; after a reset of ours nobody wants the rest.
      state.owesAck = state.ackEnd !== "none"
      state.owesPing = state.role === "client" && state.unacknowledged === undefined
      return
    case "pong":
      // In order after our last ack, which has therefore arrived. A pong to an earlier ping proves nothing.
      if (frame.id === lastPingId && state.unacknowledged === undefined && !state.owesAck) settle(state)
      return
    case "reset":
      state.ackEnd = "reset"
      state.owesAck = true
      settle(state)
      return
    case "ack":
      if (frame.end === "reset" && state.unacknowledged !== undefined) settle(state)
      return
    default:
      // Late data, credit and acks of a stream that is over.
      return
  }
}

const settle = (state: Tombstone) => {
  state.unacknowledged = undefined
  state.owesReset = false
  state.settled = true
}

const forget = (state: Tombstone, actions: Action[]): State => {
  if (state.attached) actions.push({ type: "close", generation: state.generation, code: endedCode, reason: "ended" })
  actions.push({ type: "forget" })
  return { phase: "gone" }
}
