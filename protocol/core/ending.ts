import { lingerMillis } from "./limits.ts"
import { reason } from "./reasons.ts"
import type { Action, Live, Moment, Tombstone } from "./state.ts"

/** Normal closure (RFC 6455): the side that sends it has ended and owes nothing. */
export const endedCode = 1000

/** The ping after a client's last ack; those of a live stream count from 1. */
export const lastPingId = 0

export interface Ending {
  readonly reason: string
  /** Who says so. `fin`: both directions are done; `local`: a reset of ours; `peer`: a reset of theirs; `silent`: nobody is told. */
  readonly by: "fin" | "local" | "peer" | "silent"
}

/** Ends the stream here: reports it, frees its bytes and leaves a tombstone. */
export const endStream = (state: Live, ending: Ending, at: Moment, actions: Action[]): Tombstone => {
  actions.push({
    type: "ended",
    reason: ending.reason,
    complete: state.peerFin,
    bytesSent: state.queue.high,
    bytesReceived: state.received,
  })
  const tombstone: Tombstone = {
    phase: "tombstone",
    role: state.role,
    identity: state.identity,
    instance: state.instance,
    holdMillis: state.holdMillis,
    generation: state.generation,
    attached: state.attached,
    dialing: state.dialing,
    owesGreeting: state.owesGreeting,
    received: state.received,
    lastHeard: state.lastHeard,
    owesPong: undefined,
    accepted: state.accepted,
    sentOffset: state.queue.high,
    ackEnd: ending.by === "peer" ? "reset" : state.peerFin ? "fin" : "none",
    owesAck: ending.by === "peer" || state.owesAck,
    unacknowledged: ending.by === "local" ? ending.reason : undefined,
    owesReset: ending.by === "local",
    owesPing: ending.by === "fin" && state.role === "client",
    settled: isSettled(state, ending),
    endedAt: { now: at.now, wall: at.wall },
    lingerUntil: at.now + lingerMillis,
  }
  if (wantsCarrier(tombstone) && !tombstone.attached && !tombstone.dialing) {
    tombstone.dialing = true
    actions.push({ type: "dial", parallel: false })
  }
  return tombstone
}

/**
 * Whether the peer needs nothing from us any more. A server's last ack is repeated on demand, so it settles with its end; a client must see
 * the server's close or a pong after its last ack, because nobody but the client can bring a carrier for it. Never opened: nobody knows of us.
 */
const isSettled = (state: Live, ending: Ending): boolean => {
  switch (ending.by) {
    case "fin":
      return state.role === "server" || state.peerEnded
    case "local":
      return state.role === "client" && !state.accepted && !state.attached
    case "peer":
    case "silent":
      return true
  }
}

/** A client's tombstone resumes until its last word has arrived. */
export const wantsCarrier = (state: Tombstone): boolean => state.role === "client" && !state.settled

/** Closes the carrier when everything owed has gone out; a client that is settled has nothing left to remember. */
export const closeWhenSettled = (state: Tombstone, actions: Action[]): void => {
  if (!state.settled || !state.attached) return
  if (state.owesGreeting || state.owesAck || state.owesReset) return
  state.attached = false
  actions.push({ type: "close", generation: state.generation, code: endedCode, reason: "ended" })
}

/** Ends cleanly once both directions are done and delivered, or by reset when the application has left and its bytes have arrived. */
export const endIfDone = (state: Live, at: Moment, actions: Action[]): Live | Tombstone => {
  if (state.fin !== "acked") return state
  if (state.peerFin && state.delivered === state.received)
    return endStream(state, { reason: reason.closed, by: "fin" }, at, actions)
  if (state.readerGone && !state.peerFin)
    return endStream(state, { reason: reason.readerGone, by: "local" }, at, actions)
  return state
}
