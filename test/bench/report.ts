import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { bars } from "../plots/chart.ts"
import { machine } from "../plots/machine.ts"
import { table } from "../plots/table.ts"
import type { RowResult } from "./Row.ts"

export interface Circumstances {
  readonly quick: boolean
  readonly rounds: number
  readonly loadAtStart: string
}

/** Prints what a row measured and writes it as JSON and as a plot. */
export const report = (
  name: string,
  result: RowResult,
  { quick, rounds, loadAtStart }: Circumstances,
  out: string,
): void => {
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

const figure = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2))
