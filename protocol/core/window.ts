import {
  confirmBytes,
  floorBytes,
  initialWindowBytes,
  keepCapBytes,
  maxWindowBytes,
  queueMillis,
  rttProbeMillis,
  spareShare,
  windowIdleMillis,
  windowSampleMillis,
} from "./limits.ts"
import { keptBytes } from "./sendQueue.ts"
import type { Live, Moment, State } from "./state.ts"

/** Bytes of the process budget that the stream holds: promised to the peer or kept for replay, each beyond its floor. */
export const reservedBytes = (state: State): number =>
  state.phase === "live" ? promisedBeyondFloor(state) + Math.max(0, keptBytes(state.queue) - floorBytes) : 0

const promisedBeyondFloor = (state: Live) => Math.max(0, state.creditGiven - state.delivered - floorBytes)

/** How many bytes the producer may hand over now: within the peer's credit, our own cap and the budget. */
export const takeableBytes = (state: State, spare: number): number => {
  if (state.phase !== "live" || state.fin !== "none") return 0
  const kept = keptBytes(state.queue)
  const budgeted = Math.max(0, floorBytes - kept) + spare
  return Math.max(0, Math.min(state.peerCredit - state.queue.end, keepCapBytes - kept, budgeted))
}

/** The window as far as the budget has it. */
const affordableWindow = (state: Live, spare: number) =>
  Math.min(state.window, floorBytes + promisedBeyondFloor(state) + Math.floor(spare * spareShare))

/** Raises the credit to what the window and the budget give; never lowers it. */
export const raiseCredit = (state: Live, spare: number): void => {
  state.creditGiven = Math.max(state.creditGiven, state.delivered + affordableWindow(state, spare))
}

/** The share of what is outstanding that is worth an ack, or of a window that is worth a credit. */
const worthAMessage = (state: Live) => (state.window < initialWindowBytes ? 1 / 4 : 1 / 2)

/** Whether an ack up to here does not wait for more. */
export const isWorthAnAck = (state: Live, received: number): boolean =>
  received - state.ackedOffset >= Math.min(confirmBytes, (state.creditGiven - state.ackedOffset) * worthAMessage(state))

/** What a credit gains at least: more often costs messages, less often stalls the peer. */
const creditStep = (state: Live, window: number) =>
  Math.max(window / 4, Math.min(confirmBytes, window * worthAMessage(state)))

/** Renews the credit for what the reader took. */
export const renewCredit = (state: Live, spare: number): void => {
  const window = affordableWindow(state, spare)
  if (state.peerFin || state.delivered + window - state.creditGiven < creditStep(state, window)) return
  state.creditGiven = state.delivered + window
  state.owesCredit = true
}

/** Measures the rate at which bytes leave downstream and fits the window: 2 x rate x minimum RTT. */
export const tuneWindow = (state: Live, at: Moment): void => {
  const rtt = Number.isFinite(state.minRttMillis) ? state.minRttMillis : 0
  // Between two windows a sender waits for the credit's round trip.
  const idle = at.now - state.lastDelivery > Math.max(windowIdleMillis, 2 * rtt)
  state.lastDelivery = at.now
  if (idle) {
    state.sampleAt = at.now
    state.sampleDelivered = state.delivered
    return
  }
  const bytes = state.delivered - state.sampleDelivered
  const elapsed = at.now - state.sampleAt
  if (bytes >= state.window / 4 && at.now >= state.rttProbeAt && state.pingSentAt === undefined) {
    state.pingId += 1
    state.owesPing = true
    state.rttProbeAt = at.now + rttProbeMillis
  }
  if (bytes < state.window / 2 || elapsed < Math.max(windowSampleMillis, rtt)) return
  state.sampleAt = at.now
  state.sampleDelivered = state.delivered
  state.window = fittingWindow(bytes / elapsed, rtt)
}

/**
 * A little more than twice what fills the path while it is empty. The little more is what lets a stream grow that shares the path with a full one, of either
 * direction: a queue that doubles the round trip would leave every window at the rate that it has.
 * @param rate bytes per millisecond
 */
export const fittingWindow = (rate: number, minRttMillis: number): number => {
  const target = 2 * rate * minRttMillis + floorBytes
  const withoutQueueing = Math.min(initialWindowBytes, rate * queueMillis)
  return Math.round(Math.min(maxWindowBytes, Math.max(target, withoutQueueing, floorBytes)))
}
