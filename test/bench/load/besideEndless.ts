import { setTimeout as after } from "node:timers/promises"
import type { Ground } from "../path/ground.ts"
import { small, type Target } from "../path/Target.ts"
import { endless, type Latency, latency } from "./run.ts"

/** Connections are made; then windows grow and queues fill. */
const warmUpMillis = 20_000
const lookMillis = 1_000
const requestsPerSecond = 0.2

export interface BesideBulk {
  readonly directions: readonly {
    readonly direction: "down" | "up"
    readonly kbitPerSecond: number
    /** The longest time in which nothing arrived. */
    readonly longestSeconds: number
  }[]
  readonly requests: Latency
}

/**
 * Small requests for some minutes, and a download and an upload that begin beside them and end with them. Both are counted where they arrive: what
 * has left a process fills buffers first. @throws when a load fails
 */
export const besideEndless = async (ground: Ground, target: Target, minutes: number): Promise<BesideBulk> => {
  await using loads = new AsyncDisposableStack()
  const requests = latency(target, small, requestsPerSecond, minutes * 60)
  let over = false
  const end = () => {
    over = true
  }
  requests.then(end, end)
  await after(warmUpMillis)
  const uploadedBefore = ground.uploadedBytes()
  const download = endless(loads, target, "down")
  await until(download.bytes)
  const sending = endless(loads, target, "up")
  // It is asked for its failure only.
  const received = () => sending.bytes() && ground.uploadedBytes() - uploadedBefore
  await until(received)
  await after(warmUpMillis)
  const began = performance.now()
  const seen = [
    { direction: "down" as const, arrived: download.bytes },
    { direction: "up" as const, arrived: received },
  ].map((way) => ({ ...way, before: way.arrived(), bytes: way.arrived(), at: began, longestSeconds: 0 }))
  while (!over) {
    await after(lookMillis)
    for (const way of seen) {
      const bytes = way.arrived()
      way.longestSeconds = Math.max(way.longestSeconds, (performance.now() - way.at) / 1_000)
      if (bytes > way.bytes) Object.assign(way, { bytes, at: performance.now() })
    }
  }
  const millis = performance.now() - began
  return {
    directions: seen.map(({ direction, bytes, before, longestSeconds }) => ({
      direction,
      kbitPerSecond: ((bytes - before) * 8) / millis,
      longestSeconds,
    })),
    requests: await requests,
  }
}

/** Until the first bytes have come through. */
const until = async (bytes: () => number) => {
  while (bytes() === 0) await after(lookMillis)
}
