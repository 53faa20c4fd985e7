import { randomInt } from "node:crypto"
import { authProxyHoldMillis } from "../../protocol/core/limits.ts"
import { startAttackRange } from "../attack/range/AttackRange.ts"
import { minutes, runLong, seed } from "../longProgram.ts"
import { attack } from "./attack.ts"
import { report } from "./report.ts"

runLong(
  {
    name: "bun run test:long attack",
    about:
      "Random attacks against the real programs, judged by the API server's audit log. When it is interrupted it prints what it has found so far.",
    options: { minutes, seed: seed(() => randomInt(2 ** 30)) },
  },
  async (stack, { minutes, seed }) => {
    const holds = { firstSeconds: 10, secondSeconds: authProxyHoldMillis / 1000 }
    const range = await startAttackRange(stack, (line) => console.error(`attack: ${line}`), holds)
    console.log(
      `attacking for ${minutes} min; --seed ${seed} does the same again, the seed of a finding reaches it at once`,
    )
    const interrupted = new AbortController()
    const faults = attack(range, { seed, millis: minutes * 60_000, signal: interrupted.signal }).then((outcome) =>
      report(outcome, seed),
    )
    // Before anything that it attacks is taken down.
    stack.defer(async () => {
      interrupted.abort()
      await faults
    })
    return (await faults) === 0
  },
)
