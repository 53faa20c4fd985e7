import { mkdirSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { ensurePackages } from "../cluster/programs/debianPackages.ts"
import { bars } from "../plots/chart.ts"
import { loadNow, machine } from "../plots/machine.ts"
import { table } from "../plots/table.ts"
import type { Row, RowResult } from "./Row.ts"
import { cpuFull, headOfLine } from "./rows/besideBulk.ts"
import { bulkTransfer } from "./rows/bulkTransfer.ts"
import { coldParallel } from "./rows/coldParallel.ts"
import { firstByte, longLink } from "./rows/longLink.ts"
import { requestRates } from "./rows/requestRates.ts"
import { slowTakers } from "./rows/slowTakers.ts"
import { smallRequests } from "./rows/smallRequests.ts"

/** `bun run bench [NAME…] [--quick] [--rounds N] [--out FOLDER]`: the rows of docs/performance.md, each as JSON, a table and a plot. */
const rows: readonly Row[] = [
  firstByte,
  smallRequests,
  requestRates,
  bulkTransfer,
  longLink,
  headOfLine,
  cpuFull,
  slowTakers,
  coldParallel,
]
const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : process.argv[at + 1]
}
const quick = process.argv.includes("--quick")
const out = option("out") ?? "dist/measurements"
const roundsAsked = Number(option("rounds") ?? (quick ? 1 : 5))
const named = process.argv.slice(2).filter((word) => rows.some(({ name }) => name === word))
const words = process.argv
  .slice(2)
  .filter((word, at, all) => !word.startsWith("--") && !["--out", "--rounds"].includes(all[at - 1] ?? ""))
if (words.length > named.length) {
  console.error(
    `usage: bun run bench [NAME…] [--quick] [--rounds N] [--out FOLDER]\n  ${rows.map(({ name }) => name).join(", ")}`,
  )
  process.exit(2)
}

const figure = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2))
const report = (name: string, result: RowResult, rounds: number, loadAtStart: string) => {
  const measured = { ...result, quick, rounds, machine: machine(loadAtStart) }
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(measured, undefined, 1)}\n`)
  const plotted = result.measurements.filter(({ unit }) => unit === (result.measurements[0]?.unit ?? ""))
  const unit = plotted[0]?.unit ?? ""
  const plot = plotted.map(({ label, median, min, max }) => ({ label, value: median, low: min, high: max }))
  writeFileSync(join(out, `${name}.svg`), bars(result.title, unit, plot, unit === "ms"))
  console.log(`\n${result.title}\nbar: ${result.bar}`)
  console.log(
    table([
      ["", "median", "min", "max", "unit"],
      ...result.measurements.map(({ label, median, min, max, unit }) => [
        label,
        figure(median),
        figure(min),
        figure(max),
        unit,
      ]),
    ]),
  )
  for (const [what, met] of Object.entries(result.verdicts)) console.log(`${met ? "met   " : "MISSED"} ${what}`)
  for (const note of result.notes) console.log(`note: ${note}`)
}

const stack = new AsyncDisposableStack()
const interrupted = () => void stack.disposeAsync().then(() => process.exit(130))
process.once("SIGINT", interrupted).once("SIGTERM", interrupted)
mkdirSync(out, { recursive: true })
const say = (line: string) => console.error(`bench: ${line}`)
await ensurePackages("bench", say)
const load = loadavg()[0] ?? 0
if (load > cpus().length / 4)
  say(`load average ${load.toFixed(1)}: other work runs here, so that ratios may be worth something and times are not`)
let failed = 0
for (const row of rows.filter(({ name }) => named.length === 0 || named.includes(name))) {
  const rounds = row.rounds ?? roundsAsked
  say(`${row.name}, ${rounds} rounds`)
  const loadAtStart = loadNow()
  const own = stack.use(new AsyncDisposableStack())
  try {
    const result = await row.run({ quick, rounds, seconds: quick ? 3 : 10, stack: own, say })
    report(row.name, result, rounds, loadAtStart)
  } catch (error) {
    failed += 1
    say(`${row.name} could not be measured: ${error instanceof Error ? error.stack : error}`)
  } finally {
    await own.disposeAsync()
  }
}
await stack.disposeAsync()
process.exit(failed > 0 ? 1 : 0)
