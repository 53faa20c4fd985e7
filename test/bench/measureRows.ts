import { mkdirSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { ensurePackages } from "../cluster/programs/debianPackages.ts"
import { loadNow } from "../plots/machine.ts"
import type { Row } from "./Row.ts"
import { report } from "./report.ts"

interface Asked {
  readonly quick: boolean
  /** Of each row that does not make so many of its own. */
  readonly rounds: number
  readonly out: string
}

const say = (line: string) => console.error(`bench: ${line}`)

/** Measures one row after the other and reports each. False when one could not be measured; the others are measured all the same. */
export const measureRows = async (
  stack: AsyncDisposableStack,
  rows: readonly Row[],
  { quick, rounds: roundsAsked, out }: Asked,
): Promise<boolean> => {
  mkdirSync(out, { recursive: true })
  await ensurePackages("bench", say)
  const load = loadavg()[0] ?? 0
  if (load > cpus().length / 4)
    say(
      `load average ${load.toFixed(1)}: other work runs here, so that ratios may be worth something and times are not`,
    )
  let failed = 0
  for (const row of rows) {
    const rounds = row.rounds ?? roundsAsked
    say(`${row.name}, ${rounds} rounds`)
    const loadAtStart = loadNow()
    const own = stack.use(new AsyncDisposableStack())
    try {
      const result = await row.run({ quick, rounds, seconds: quick ? 3 : 10, stack: own, say })
      report(row.name, result, { quick, rounds, loadAtStart }, out)
    } catch (error) {
      failed += 1
      say(`${row.name} could not be measured: ${error instanceof Error ? error.stack : error}`)
    } finally {
      await own.disposeAsync()
    }
  }
  return failed === 0
}
