import { setImmediate } from "node:timers/promises"
import { run } from "./run.ts"

interface Seeds {
  readonly from: number
  readonly seeds: number
  /** Prints every verdict. */
  readonly inFull: boolean
}

/** Runs a life for each seed; prints those that fail, and the sum. Resolves to how many failed. */
export const runSeeds = async ({ from, seeds, inFull }: Seeds): Promise<number> => {
  const totals = { failed: 0, faults: 0, resumes: 0, bytes: 0, pause: 0 }
  for (let seed = from; seed < from + seeds; seed += 1) {
    // Virtual time never waits for anything: a signal would not be heard.
    await setImmediate()
    const verdict = await run(seed)
    totals.faults += verdict.faults.length
    totals.resumes += verdict.resumes
    totals.bytes += verdict.bytes
    totals.pause = Math.max(totals.pause, verdict.longestPauseMillis)
    if (inFull) console.log(JSON.stringify(verdict, undefined, 2))
    if (verdict.violations.length === 0) continue
    totals.failed += 1
    console.log(`seed ${seed}: ${verdict.violations.join("; ")}\n  again: bun run test:long model --seed ${seed}`)
  }
  console.log(
    `${seeds} seeds: ${totals.faults} faults, ${totals.resumes} resumes, ${Math.round(totals.bytes / 1e6)} MB, longest pause beyond the outages ${(totals.pause / 1000).toFixed(1)} s, ${totals.failed} failed`,
  )
  return totals.failed
}
