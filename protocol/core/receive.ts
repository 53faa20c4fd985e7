import type { Frame } from "../frame.ts"
import { endIfDone, endStream } from "./ending.ts"
import { ackDelayMillis, maxWindowBytes } from "./limits.ts"
import { revive } from "./liveness.ts"
import { sampleSendRate } from "./pace.ts"
import { reason } from "./reasons.ts"
import { acknowledge, replayFrom } from "./sendQueue.ts"
import type { Action, Live, Moment, Tombstone } from "./state.ts"
import { isWorthAnAck, renewCredit, tuneWindow } from "./window.ts"

/** The peer broke the protocol: it is told the word, and the stream ends here. */
export const refuse = (state: Live, word: string, at: Moment, actions: Action[]): Tombstone =>
  endStream(state, { reason: word, by: "local" }, at, actions)

/** A frame of the attached carrier. */
export const receive = (state: Live, frame: Frame, at: Moment, actions: Action[]): Live | Tombstone => {
  state.lastHeard = at.now
  revive(state, actions)
  if (!state.ready && frame.type !== "accepted" && frame.type !== "reset")
    return refuse(state, reason.unexpectedFrame, at, actions)
  switch (frame.type) {
    case "data":
      return receiveData(state, frame.offset, frame.payload, at, actions)
    case "ack":
      return receiveAck(state, frame.receivedOffset, frame.end, at, actions)
    case "credit":
      return receiveCredit(state, frame.limit, at, actions)
    case "fin":
      return receiveFin(state, frame.offset, at, actions)
    case "reset":
      return endStream(state, { reason: frame.reason, by: "peer" }, at, actions)
    case "ping":
      state.owesPong = frame.id
      return state
    case "pong":
      if (frame.id === state.pingId && state.pingSentAt !== undefined) {
        state.minRttMillis = Math.min(state.minRttMillis, at.now - state.pingSentAt)
        state.pingSentAt = undefined
      }
      actions.push({ type: "ponged", id: frame.id })
      return state
    case "accepted":
      return receiveAccepted(state, frame, at, actions)
    case "drain":
      if (state.role === "server") return refuse(state, reason.unexpectedFrame, at, actions)
      if (!state.draining) actions.push({ type: "drain" })
      state.draining = true
      return state
    case "open":
    case "resume":
      return refuse(state, reason.unexpectedFrame, at, actions)
  }
}

const receiveAccepted = (
  state: Live,
  frame: { readonly receivedOffset: number; readonly creditLimit: number; readonly instance: string },
  at: Moment,
  actions: Action[],
): Live | Tombstone => {
  if (state.role === "server" || state.ready) return refuse(state, reason.unexpectedFrame, at, actions)
  const illegal = illegalPosition(state, frame)
  if (illegal !== undefined) return refuse(state, illegal, at, actions)
  state.ready = true
  state.progressAt = at.now
  state.minRttMillis = at.now - state.attachedAt
  state.peerCredit = Math.max(state.peerCredit, frame.creditLimit)
  if (state.accepted) continueFrom(state, frame.receivedOffset)
  else {
    // What went out with `open` is on its way on this very carrier.
    acknowledge(state.queue, frame.receivedOffset)
    state.accepted = true
    actions.push({ type: "accepted", instance: frame.instance })
  }
  return state
}

/** Why a peer's position in `accepted` or `resume` cannot be. */
export const illegalPosition = (
  state: Live,
  { receivedOffset, creditLimit }: { readonly receivedOffset: number; readonly creditLimit: number },
): string | undefined => {
  if (receivedOffset > state.queue.high) return reason.ackBeyondSent
  if (receivedOffset < state.queue.base) return reason.ackRegressed
  if (creditLimit > state.queue.high + maxWindowBytes) return reason.excessiveCredit
  return undefined
}

/** On a new carrier: everything that the peer lacks goes out again, its fin too, and our own last word is repeated. */
export const continueFrom = (state: Live, receivedOffset: number): void => {
  replayFrom(state.queue, receivedOffset)
  if (state.fin === "sent") state.fin = "queued"
  state.ackedOffset = state.received
  if (state.peerFin) state.owesAck = true
  if (state.draining && state.role === "server") state.owesDrain = true
}

const receiveData = (
  state: Live,
  offset: number,
  payload: Uint8Array,
  at: Moment,
  actions: Action[],
): Live | Tombstone => {
  const end = offset + payload.byteLength
  if (offset > state.received) return refuse(state, reason.gap, at, actions)
  if (end > state.creditGiven) return refuse(state, reason.beyondCredit, at, actions)
  if (end > state.received) {
    if (state.peerFin) return refuse(state, reason.dataAfterFin, at, actions)
    const fresh = newOf(payload, state.received - offset)
    state.received = end
    if (state.readerGone) noteDelivered(state, fresh.byteLength, at)
    else actions.push({ type: "deliver", bytes: fresh })
  }
  if (isWorthAnAck(state, end)) state.owesAck = true
  else state.ackAt = Math.min(state.ackAt, at.now + ackDelayMillis)
  return state
}

/** What follows the first `old` bytes. A small rest is copied: as a view it would hold the whole message, of which only the rest is in the budget. */
const newOf = (payload: Uint8Array, old: number): Uint8Array =>
  old === 0
    ? payload
    : 2 * old > payload.byteLength
      ? Uint8Array.prototype.slice.call(payload, old)
      : payload.subarray(old)

const receiveAck = (
  state: Live,
  offset: number,
  end: "none" | "fin" | "reset",
  at: Moment,
  actions: Action[],
): Live | Tombstone => {
  if (offset > state.queue.high) return refuse(state, reason.ackBeyondSent, at, actions)
  if (offset > state.queue.base) {
    acknowledge(state.queue, offset)
    state.progressAt = at.now
    sampleSendRate(state, at.now)
  }
  if (end === "none") return state
  if (end === "reset" || !state.finOut || offset !== state.queue.end)
    return refuse(state, reason.ackBeyondSent, at, actions)
  state.fin = "acked"
  return endIfDone(state, at, actions)
}

const receiveCredit = (state: Live, limit: number, at: Moment, actions: Action[]): Live | Tombstone => {
  if (limit > state.queue.high + maxWindowBytes) return refuse(state, reason.excessiveCredit, at, actions)
  if (limit > state.peerCredit) state.peerCredit = limit
  return state
}

const receiveFin = (state: Live, offset: number, at: Moment, actions: Action[]): Live | Tombstone => {
  if (offset > state.received) return refuse(state, reason.gap, at, actions)
  if (offset < state.received) return refuse(state, reason.finMoved, at, actions)
  state.owesAck = true
  if (!state.peerFin) {
    state.peerFin = true
    actions.push({ type: "deliverEnd" })
  }
  return endIfDone(state, at, actions)
}

/** Bytes have left downstream: the window moves on. */
export const noteDelivered = (state: Live, bytes: number, at: Moment): void => {
  state.delivered = Math.min(state.received, state.delivered + bytes)
  tuneWindow(state, at)
  renewCredit(state, at.spare)
}
