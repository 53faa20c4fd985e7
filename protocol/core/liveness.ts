import {
  acceptWithinMillis,
  goneLingerMillis,
  idlePingAfterMillis,
  longestPongMillis,
  pingAfterMillis,
  pongRoundTrips,
  pongWithinMillis,
} from "./limits.ts"
import { keptBytes } from "./sendQueue.ts"
import type { Action, Instant, Live, Moment, State } from "./state.ts"

const never = Number.POSITIVE_INFINITY

/** Whether the peer owes an answer or somebody waits for one. */
const isBusy = (state: Live) => state.inUse || !state.ready || keptBytes(state.queue) > 0 || state.fin === "sent"

/** Keeps `busySince`: silence before the stream became busy says nothing. */
export const noteBusy = (state: Live, now: number): void => {
  if (!isBusy(state)) state.busySince = undefined
  else state.busySince ??= now
}

const quietSince = (state: Live) => Math.max(state.lastHeard, state.busySince ?? 0, state.attachedAt)

/** When the client sends its next ping, if nothing is heard until then. */
const pingDue = (state: Live): number => {
  if (state.role !== "client" || !state.attached || !state.ready || state.owesPing) return never
  const quiet = quietSince(state)
  if (state.pingSentAt !== undefined && state.pingSentAt >= quiet) return never
  return quiet + (state.busySince === undefined ? idlePingAfterMillis : pingAfterMillis)
}

/** How long a ping may stay unanswered on this carrier. */
const pongPatience = (state: Live) =>
  Number.isFinite(state.minRttMillis)
    ? Math.min(pongWithinMillis + pongRoundTrips * state.minRttMillis, longestPongMillis)
    : pongWithinMillis

/** When the client gives up waiting and opens the next carrier beside the present one. */
const missedDue = (state: Live): number => {
  if (state.role !== "client" || !state.attached || state.dialing || state.noDialBecause !== undefined) return never
  if (!state.ready) return state.accepted ? state.attachedAt + acceptWithinMillis : never
  const quiet = quietSince(state)
  if (state.busySince !== undefined) return quiet + pingAfterMillis + pongPatience(state)
  return state.pingSentAt !== undefined && state.pingSentAt >= quiet ? state.pingSentAt + pongPatience(state) : never
}

/** By timer or by wall clock, whichever comes first: a laptop that slept has not seen its timers run. */
export const hasPassed = (since: Instant, millis: number, at: Instant): boolean =>
  at.now - since.now >= millis || at.wall - since.wall >= millis

/** A server hears from every live client far more often than its hold time. */
const silenceDue = (state: Live) =>
  state.role === "server" && state.attached ? state.lastHeard + state.holdMillis : never

/** A first carrier without an answer cannot be followed by another: nobody knows which auth proxy holds the stream. */
const openingDue = (state: Live) => (state.accepted || !state.attached ? never : state.attachedAt + acceptWithinMillis)

export const openingIsOver = (state: Live, at: Moment): boolean => at.now >= openingDue(state)

/** An application that has left waits for its last bytes only while they make progress. */
const lingerDue = (state: Live) =>
  state.readerGone && state.ready ? state.progressAt + goneLingerMillis[state.role] : never

export const lingerIsOver = (state: Live, at: Moment): boolean => at.now >= lingerDue(state)

/** The monotonic time at which `step` wants a tick; infinite when it needs none. */
export const nextDeadline = (state: State): number => {
  switch (state.phase) {
    case "gone":
      return never
    case "tombstone":
      return Math.min(state.endedAt.now + state.holdMillis, state.attached ? state.lingerUntil : never)
    case "live":
      return Math.min(
        state.ackAt,
        pingDue(state),
        missedDue(state),
        silenceDue(state),
        lingerDue(state),
        openingDue(state),
        state.suspendedAt === undefined ? never : state.suspendedAt.now + state.holdMillis,
      )
  }
}

/** Pings that are due, and the carrier that has to be doubted. */
export const watch = (state: Live, at: Moment, actions: Action[]): void => {
  if (at.now >= state.ackAt) {
    state.owesAck = true
    // It may have to wait for a carrier, or for room on it: no reason to ask for a tick in the past.
    state.ackAt = never
  }
  if (at.now >= pingDue(state)) {
    state.pingId += 1
    state.owesPing = true
  }
  if (at.now >= missedDue(state)) {
    state.dialing = true
    suspend(state, at, actions)
    actions.push({ type: "dial", parallel: true })
  }
}

/** From here the hold time runs. */
export const suspend = (state: Live, at: Moment, actions: Action[]): void => {
  if (state.suspendedAt !== undefined) return
  state.suspendedAt = { now: at.now, wall: at.wall }
  actions.push({ type: "suspended" })
}

export const revive = (state: Live, actions: Action[]): void => {
  if (state.suspendedAt === undefined) return
  state.suspendedAt = undefined
  state.noDialBecause = undefined
  actions.push({ type: "resumed" })
}

/** Whether the stream has been without a carrier, or without a word, for its hold time. */
export const holdIsOver = (state: Live, at: Moment): boolean =>
  (state.suspendedAt !== undefined && hasPassed(state.suspendedAt, state.holdMillis, at)) || at.now >= silenceDue(state)
