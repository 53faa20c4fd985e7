import { maxPayloadBytes } from "../frame.ts"
import {
  firstFrameBytes,
  frameMillis,
  maxUnflushedBytes,
  rateSampleMillis,
  smallestFrameBytes,
  unflushedMillis,
} from "./limits.ts"
import type { Live, State } from "./state.ts"

/** A data frame's header, and room for the control frames that go before it. */
const frameOverheadBytes = 64

/** Payload of the next data frame at the measured rate. */
export const frameBytes = (state: Live): number =>
  state.sendRate === undefined
    ? firstFrameBytes
    : Math.min(maxPayloadBytes, Math.max(smallestFrameBytes, Math.floor(state.sendRate * frameMillis)))

/** What may be handed to the carrier beyond what it has flushed: at least one frame, at most 128 KiB. */
export const handLimit = (state: State): number => {
  if (state.phase !== "live") return maxUnflushedBytes
  const byRate = state.sendRate === undefined ? maxUnflushedBytes / 2 : state.sendRate * unflushedMillis
  return Math.min(maxUnflushedBytes, Math.max(byRate, frameBytes(state) + frameOverheadBytes))
}

/** The producer starts after a pause in which everything was acknowledged: such a pause is no slow path. */
export const startRateSample = (state: Live, now: number): void => {
  state.rateAt = now
  state.rateAcked = state.queue.base
}

/** Measures at acks, because what the kernel takes says nothing about the path. */
export const sampleSendRate = (state: Live, now: number): void => {
  const elapsed = now - state.rateAt
  if (elapsed < rateSampleMillis) return
  const rate = (state.queue.base - state.rateAcked) / elapsed
  const known = state.sendRate
  // With nothing left to send the producer was the limit, so the sample can only raise the rate.
  const producerBound = state.queue.base === state.queue.end
  if (known === undefined ? !producerBound : rate > known) state.sendRate = rate
  else if (known !== undefined && !producerBound) state.sendRate = (known + rate) / 2
  startRateSample(state, now)
}
