import type { Outcome } from "./attack.ts"
import { tableText } from "./judge/ProcessTable.ts"

const shownViolations = 20

/** Prints what an attack did and found. Returns how many faults there are; one of them may be that it proves nothing. */
export const report = ({ attempts, reached, outcomes, violations, rows }: Outcome, seed: number): number => {
  for (const [what, times] of [...outcomes].sort(([, a], [, b]) => b - a))
    console.log(`${String(times).padStart(8)}  ${what}`)
  console.log(`\n${tableText(rows)}\n`)
  const faults = [
    ...violations,
    ...rows.filter(({ isFlat }) => !isFlat).map(({ name }) => `${name}: memory or descriptors grow`),
    ...(reached > attempts / 100 ? [] : ["hardly anything reached the API server: this run proves nothing"]),
  ]
  for (const fault of faults.slice(0, shownViolations)) console.log(`FAULT ${fault}`)
  console.log(
    `seed ${seed}: ${attempts} attempts, ${reached} requests reached the API server as they may, ${faults.length} faults`,
  )
  return faults.length
}
