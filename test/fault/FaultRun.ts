import { setTimeout as after } from "node:timers/promises"
import { eventually } from "../world/eventually.ts"
import type { Fault, Stage } from "./faults.ts"
import { longestPause, type Session, type SessionReport } from "./sessions/Session.ts"

export interface Struck {
  readonly fault: string
  /** Seconds since the run began. */
  readonly at: number
  readonly lastedSeconds: number
  /** By session: the longest silence that touches the fault, in seconds. */
  readonly pauses: Readonly<Record<string, number>>
}

export interface FaultRun {
  readonly faults: readonly Struck[]
  readonly sessions: readonly SessionReport[]
  /** Seconds since the run began at which each session was heard, one a quarter of a second at most. */
  readonly heard: Readonly<Record<string, readonly number[]>>
}

/** A session that is whole again speaks within this; beyond kubectl's own 61 s there is nothing to wait for. */
const longestRecoveryMillis = 60_000
/** A silent fault is noticed after 5 s; only then the pause begins to count as over. */
const noticedMillis = 7_000

/**
 * Strikes one fault after the other at random moments under the sessions; waits each time until all speak again. A session that does
 * not within `recoveryMillis` is lost, also where kubectl lives on and has noticed nothing.
 */
export const strikeAll = async (
  stage: Stage,
  sessions: readonly Session[],
  faults: readonly Fault[],
  onProgress: (line: string) => void,
  recoveryMillis = longestRecoveryMillis,
): Promise<FaultRun> => {
  const began = performance.now()
  const seconds = (moment: number) => Math.round(moment - began) / 1_000
  await Promise.all(sessions.map((session) => session.started))
  const struck: Struck[] = []
  const silentAfter = new Map<string, string>()
  for (const fault of faults) {
    await after(stage.between(500, 4_000))
    const from = performance.now()
    await fault.strike(stage)
    const until = performance.now()
    if (fault.silent) await after(noticedMillis)
    const settled = performance.now()
    const silent = () =>
      sessions
        .filter((one) => !one.isComplete && (one.arrivals.at(-1) ?? 0) <= settled)
        .filter(({ name }) => !silentAfter.has(name))
        .map(({ name }) => name)
    await eventually(`every session speaks after ${fault.name}`, recoveryMillis, async () => {
      const seen = silent()
      return seen.length === 0 ? { done: true } : { seen }
    }).catch((error: Error) => {
      onProgress(error.message)
      for (const name of silent()) silentAfter.set(name, fault.name)
    })
    const now = performance.now()
    const pauses = Object.fromEntries(
      sessions.map(({ name, arrivals, isComplete }) => {
        const until = isComplete ? (arrivals.at(-1) ?? now) : now
        return [name, Math.round(longestPause(arrivals, from, until)) / 1_000]
      }),
    )
    struck.push({ fault: fault.name, at: seconds(from), lastedSeconds: Math.round(until - from) / 1_000, pauses })
    onProgress(
      `${fault.name}: ${((until - from) / 1_000).toFixed(1)} s, longest pause ${Math.max(...Object.values(pauses))} s`,
    )
  }
  await after(1_000)
  const finished = await Promise.all(sessions.map((session) => session.finish()))
  const reports = finished.map((report) => {
    const fault = silentAfter.get(report.name)
    const silent = fault === undefined ? undefined : `silent for ${recoveryMillis / 1_000} s after ${fault}`
    return { ...report, lost: report.lost ?? silent }
  })
  const heard = Object.fromEntries(
    sessions.map(({ name, arrivals }) => [name, [...new Set(arrivals.map((at) => Math.round(seconds(at) * 4) / 4))]]),
  )
  return { faults: struck, sessions: reports, heard }
}
