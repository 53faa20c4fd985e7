import type { OpeningFrame } from "../frame.ts"
import { closeWhenSettled, lastPingId } from "./ending.ts"
import { frameBytes } from "./pace.ts"
import { take } from "./sendQueue.ts"
import type { Action, Live, Moment, State, Tombstone } from "./state.ts"
import { raiseCredit } from "./window.ts"

/** Frame header in the WebSocket message and the message's own; what a data frame costs beyond its payload. */
const dataOverheadBytes = 23

const opening = (state: Live | Tombstone, creditLimit: number): OpeningFrame => ({
  type: state.generation === 1 ? "open" : "resume",
  ...state.identity,
  generation: state.generation,
  receivedOffset: state.received,
  creditLimit,
})

/** Sends what is owed and what the carrier has room for: greeting, pong, ack, credit, ping, drain, then data, then fin. */
export const transmit = (state: Live, at: Moment, actions: Action[]): void => {
  if (!state.attached) return
  let room = at.room
  if (room <= 0) return
  if (state.owesGreeting) {
    state.owesGreeting = false
    raiseCredit(state, at.spare)
    state.owesCredit = false
    actions.push({
      type: "send",
      frame:
        state.role === "client"
          ? opening(state, state.creditGiven)
          : {
              type: "accepted",
              receivedOffset: state.received,
              creditLimit: state.creditGiven,
              instance: state.instance,
            },
    })
  }
  if (state.ready) transmitOwed(state, at, actions)
  else if (state.accepted) return
  // Not accepted yet: the floor's worth may travel with `open`, because peerCredit starts there.
  const longest = frameBytes(state)
  while (state.queue.next < Math.min(state.queue.end, state.peerCredit)) {
    const length = Math.min(longest, Math.min(state.queue.end, state.peerCredit) - state.queue.next)
    if (room < length + dataOverheadBytes) return
    room -= length + dataOverheadBytes
    actions.push({ type: "send", frame: take(state.queue, length) })
  }
  if (state.fin === "queued" && state.queue.next === state.queue.end && state.ready) {
    state.fin = "sent"
    state.finOut = true
    actions.push({ type: "send", frame: { type: "fin", offset: state.queue.end } })
  }
}

const transmitOwed = (state: Live, at: Moment, actions: Action[]) => {
  if (state.owesPong !== undefined) {
    actions.push({ type: "send", frame: { type: "pong", id: state.owesPong } })
    state.owesPong = undefined
  }
  if (state.owesAck) {
    state.owesAck = false
    state.ackAt = Number.POSITIVE_INFINITY
    state.ackedOffset = state.received
    actions.push({
      type: "send",
      frame: { type: "ack", receivedOffset: state.received, end: state.peerFin ? "fin" : "none" },
    })
  }
  if (state.owesCredit) {
    state.owesCredit = false
    actions.push({ type: "send", frame: { type: "credit", limit: state.creditGiven } })
  }
  if (state.owesPing) {
    state.owesPing = false
    state.pingSentAt = at.now
    actions.push({ type: "send", frame: { type: "ping", id: state.pingId } })
  }
  if (state.owesDrain) {
    state.owesDrain = false
    actions.push({ type: "send", frame: { type: "drain" } })
  }
}

/** Answers for a stream that has ended here, and closes the carrier when the peer has all it needs. */
export const transmitTombstone = (state: Tombstone, at: Moment, actions: Action[]): void => {
  if (!state.attached || at.room <= 0) return
  if (state.owesGreeting) {
    state.owesGreeting = false
    actions.push({
      type: "send",
      frame:
        state.role === "client"
          ? opening(state, state.received)
          : {
              type: "accepted",
              receivedOffset: state.received,
              creditLimit: state.received,
              instance: state.instance,
            },
    })
  }
  if (state.owesPong !== undefined) {
    actions.push({ type: "send", frame: { type: "pong", id: state.owesPong } })
    state.owesPong = undefined
  }
  if (state.owesAck) {
    state.owesAck = false
    actions.push({ type: "send", frame: { type: "ack", receivedOffset: state.received, end: state.ackEnd } })
  }
  if (state.owesPing) {
    state.owesPing = false
    actions.push({ type: "send", frame: { type: "ping", id: lastPingId } })
  }
  if (state.owesReset && state.unacknowledged !== undefined) {
    state.owesReset = false
    actions.push({
      type: "send",
      frame: { type: "reset", offset: state.sentOffset, reason: state.unacknowledged },
    })
  }
  closeWhenSettled(state, actions)
}

/** Whether `transmit` would send something, had the carrier room. */
export const hasMoreToSend = (state: State): boolean => {
  if (state.phase === "gone" || !state.attached) return false
  const owes = state.owesGreeting || state.owesPong !== undefined || state.owesAck || state.owesPing
  if (state.phase === "tombstone") return owes || state.owesReset
  return (
    owes ||
    state.owesCredit ||
    state.owesDrain ||
    state.queue.next < Math.min(state.queue.end, state.peerCredit) ||
    (state.fin === "queued" && state.queue.next === state.queue.end)
  )
}
