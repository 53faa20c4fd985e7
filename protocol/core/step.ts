import { closeCode } from "../names.ts"
import { endedCode, endIfDone, endStream } from "./ending.ts"
import { holdIsOver, lingerIsOver, noteBusy, openingIsOver, suspend, watch } from "./liveness.ts"
import { startRateSample } from "./pace.ts"
import { reason } from "./reasons.ts"
import { continueFrom, illegalPosition, noteDelivered, receive, refuse } from "./receive.ts"
import { append, keptBytes } from "./sendQueue.ts"
import type { Action, Event, Live, Moment, State, Tombstone } from "./state.ts"
import { takeOver } from "./takeOver.ts"
import { stepTombstone } from "./tombstone.ts"
import { transmit, transmitTombstone } from "./transmit.ts"

/**
 * The stream as a pure machine: no clock, no socket, no randomness. The state is mutated in place and returned; the same state and events always give the
 * same actions. Actions are to be carried out in order. A deadline of `nextDeadline` is reported with `tick`, room on the carrier too.
 */
export const step = (state: State, event: Event): [State, readonly Action[]] => {
  const actions: Action[] = []
  if (state.phase === "gone") return [state, actions]
  if (state.phase === "tombstone") return [stepTombstone(state, event, actions), actions]
  let next: Live | Tombstone = stepLive(state, event, actions)
  if (next.phase === "live") {
    // Only now: a resume that comes at the last moment finds the hold time over by the wall clock.
    noteBusy(next, event.at.now)
    if (lingerIsOver(next, event.at)) next = refuse(next, reason.readerGone, event.at, actions)
    else if (openingIsOver(next, event.at)) next = refuse(next, reason.notAccepted, event.at, actions)
    else if (holdIsOver(next, event.at)) next = endByHold(next, event.at, actions)
  }
  if (next.phase === "tombstone") {
    transmitTombstone(next, event.at, actions)
    if (next.role === "client" && next.settled && !next.attached) {
      actions.push({ type: "forget" })
      return [{ phase: "gone" }, actions]
    }
    return [next, actions]
  }
  watch(next, event.at, actions)
  transmit(next, event.at, actions)
  return [next, actions]
}

const stepLive = (state: Live, event: Event, actions: Action[]): Live | Tombstone => {
  const { at } = event
  switch (event.type) {
    case "attached":
      if (event.generation <= state.generation) return state
      state.dialing = false
      return attach(state, event.generation, at.now, actions)
    case "offered":
      return offered(state, event, actions)
    case "lost":
      return lost(state, event, actions)
    case "dialEnded":
      return dialEnded(state, event.reason, at, actions)
    case "frame":
      if (event.generation !== state.generation || !state.attached) return state
      return receive(state, event.frame, at, actions)
    case "malformed":
      if (event.generation !== state.generation || !state.attached) return state
      return refuse(state, reason.malformedFrame, at, actions)
    case "local":
      if (state.fin !== "none") return state
      if (keptBytes(state.queue) === 0) startRateSample(state, at.now)
      append(state.queue, event.bytes)
      return state
    case "localEnd":
      if (state.fin === "none") state.fin = "queued"
      return state
    case "localGone":
      state.readerGone = true
      state.progressAt = at.now
      noteDelivered(state, state.received - state.delivered, at)
      return endIfDone(state, at, actions)
    case "delivered":
      noteDelivered(state, event.bytes, at)
      return endIfDone(state, at, actions)
    case "reset":
      return endStream(state, { reason: event.reason, by: "local" }, at, actions)
    case "use":
      state.inUse = event.inUse
      return state
    case "probe":
      state.pingId += 1
      state.owesPing = true
      return state
    case "drain":
      if (!state.draining) state.owesDrain = true
      state.draining = true
      return state
    case "tick":
      return state
  }
}

/** A server tells the peer on the next carrier: one that only fell silent would resume for ever. A client that found no carrier can tell nobody. */
const endByHold = (state: Live, at: Moment, actions: Action[]): Tombstone =>
  state.role === "server"
    ? endStream(state, { reason: reason.holdExpired, by: "local" }, at, actions)
    : endStream(state, { reason: state.noDialBecause ?? reason.holdExpired, by: "silent" }, at, actions)

/** Beside a carrier that may still be alive a refusal is kept for the time of its loss; only a stream whose other end is gone has nothing to wait for. */
const dialEnded = (state: Live, why: string, at: Moment, actions: Action[]): Live | Tombstone => {
  state.dialing = false
  if (!state.attached || (state.suspendedAt !== undefined && why === reason.authProxyGone))
    return endStream(state, { reason: why, by: "silent" }, at, actions)
  if (state.suspendedAt !== undefined) state.noDialBecause = why
  return state
}

const attach = (state: Live, generation: number, now: number, actions: Action[]): Live => {
  takeOver(state, generation, actions)
  state.ready = state.role === "server"
  state.attachedAt = now
  state.noDialBecause = undefined
  state.progressAt = now
  state.owesPong = undefined
  state.minRttMillis = Number.POSITIVE_INFINITY
  if (state.pingSentAt !== undefined) {
    state.pingSentAt = undefined
    state.owesPing = true
  }
  return state
}

const offered = (state: Live, event: Event & { type: "offered" }, actions: Action[]): Live | Tombstone => {
  const { at } = event
  if (state.role === "client" || event.generation <= state.generation) return state
  const first = state.generation === 0
  // A laptop that slept resumes a stream whose hold is over by the clock on the wall: it ended then.
  if (holdIsOver(state, at)) {
    const ended = endStream(state, { reason: reason.holdExpired, by: "local" }, at, actions)
    takeOver(ended, event.generation, actions)
    return ended
  }
  attach(state, event.generation, at.now, actions)
  state.lastHeard = at.now
  const illegal = illegalPosition(state, event)
  if (illegal !== undefined) return refuse(state, illegal, at, actions)
  state.peerCredit = Math.max(state.peerCredit, event.creditLimit)
  if (!first) continueFrom(state, event.receivedOffset)
  // The round trip while nothing is queued: what is measured under the stream's own load grows with the window that it sets.
  state.pingId += 1
  state.owesPing = true
  if (state.suspendedAt !== undefined) {
    state.suspendedAt = undefined
    actions.push({ type: "resumed" })
  }
  return state
}

const lost = (state: Live, event: Event & { type: "lost" }, actions: Action[]): Live | Tombstone => {
  const { at } = event
  if (event.generation !== state.generation || !state.attached) return state
  state.attached = false
  state.ready = false
  if (state.role === "client") {
    if (event.code === closeCode.revoked) return endStream(state, { reason: reason.revoked, by: "silent" }, at, actions)
    if (!state.accepted) return endStream(state, { reason: reason.notAccepted, by: "silent" }, at, actions)
    if (state.noDialBecause !== undefined)
      return endStream(state, { reason: state.noDialBecause, by: "silent" }, at, actions)
  }
  // Only our own reader is still behind: nothing more is needed from the peer.
  if (state.fin === "acked" && state.peerFin) {
    state.peerEnded = event.code === endedCode
    return endIfDone(state, at, actions)
  }
  suspend(state, at, actions)
  if (state.role === "client" && !state.dialing) {
    state.dialing = true
    actions.push({ type: "dial", parallel: false })
  }
  return state
}
