/** `bun run test:long attack [--minutes N] [--seed S]`: random attacks against the real programs, judged by the API server's audit log. */
import { randomInt } from "node:crypto"
import { parseArgs } from "node:util"
import { authProxyHoldMillis } from "../../protocol/core/limits.ts"
import { startAttackRange } from "../attack/range/AttackRange.ts"
import { attack } from "./attack.ts"
import { tableText } from "./judge/ProcessTable.ts"

const shownViolations = 20

const { values } = parseArgs({ options: { minutes: { type: "string" }, seed: { type: "string" } } })
const minutes = Number(values.minutes ?? 10)
const seed = Number(values.seed ?? randomInt(2 ** 30))
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error("usage: bun run test:long attack [--minutes N] [--seed INTEGER]")
  process.exit(2)
}

const interrupted = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort())
const stack = new AsyncDisposableStack()
try {
  const holds = { firstSeconds: 10, secondSeconds: authProxyHoldMillis / 1000 }
  const range = await startAttackRange(stack, (line) => console.error(`attack: ${line}`), holds)
  console.log(
    `attacking for ${minutes} min; --seed ${seed} does the same again, the seed of a finding reaches it at once`,
  )
  const outcome = await attack(range, { seed, millis: minutes * 60_000, signal: interrupted.signal })
  for (const [what, times] of [...outcome.outcomes].sort(([, a], [, b]) => b - a))
    console.log(`${String(times).padStart(8)}  ${what}`)
  console.log(`\n${tableText(outcome.rows)}\n`)
  const faults = [
    ...outcome.violations,
    ...outcome.rows.filter(({ isFlat }) => !isFlat).map(({ name }) => `${name}: memory or descriptors grow`),
    ...(outcome.reached > outcome.attempts / 100
      ? []
      : ["hardly anything reached the API server: this run proves nothing"]),
  ]
  for (const fault of faults.slice(0, shownViolations)) console.log(`FAULT ${fault}`)
  console.log(
    `seed ${seed}: ${outcome.attempts} attempts, ${outcome.reached} requests reached the API server as they may, ${faults.length} faults`,
  )
  process.exitCode = faults.length === 0 && !interrupted.signal.aborted ? 0 : 1
} finally {
  await stack.disposeAsync()
}
