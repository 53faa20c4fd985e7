import { run } from "./run.ts"

/** `bun run test:long model [--seeds N] [--from S] [--seed S]`: prints every seed that fails, and one seed in full. */
const option = (name: string): number | undefined => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : Number(process.argv[at + 1])
}

const one = option("seed")
const from = one ?? option("from") ?? 1
const seeds = one === undefined ? (option("seeds") ?? 5_000) : 1
const totals = { failed: 0, faults: 0, resumes: 0, bytes: 0, pause: 0 }
for (let seed = from; seed < from + seeds; seed += 1) {
  const verdict = await run(seed)
  totals.faults += verdict.faults.length
  totals.resumes += verdict.resumes
  totals.bytes += verdict.bytes
  totals.pause = Math.max(totals.pause, verdict.longestPauseMillis)
  if (one !== undefined) console.log(JSON.stringify(verdict, undefined, 2))
  if (verdict.violations.length === 0) continue
  totals.failed += 1
  console.log(`seed ${seed}: ${verdict.violations.join("; ")}\n  again: bun run test:long model --seed ${seed}`)
}
console.log(
  `${seeds} seeds: ${totals.faults} faults, ${totals.resumes} resumes, ${Math.round(totals.bytes / 1e6)} MB, longest pause beyond the outages ${(totals.pause / 1000).toFixed(1)} s, ${totals.failed} failed`,
)
process.exit(totals.failed > 0 ? 1 : 0)
