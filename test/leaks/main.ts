import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { countOr, out, quick, runLong, seed } from "../longProgram.ts"
import { loadNow, machine } from "../plots/machine.ts"
import { lookAtRounds, rounds } from "./lookAtRounds.ts"
import { resultTable } from "./resultTable.ts"

const say = (line: string) => console.error(`leaks: ${line}`)

runLong(
  {
    name: "bun run test:long leaks",
    about:
      "Streams are opened and ended through the real programs, before a stub of the API server, in ten rounds. Either side leaves at each step, carriers are cut after random numbers of bytes; in every round an agent and a user's proxy are killed under their streams, in the first five the relay as well. Exits with 1 when something grows over the last five.",
    options: {
      quick,
      streams: countOr("streams", "How many, in all rounds together.", "100000, or 10000 with --quick"),
      seed: seed(),
      out,
    },
  },
  async (stack, { quick, streams = quick ? 10_000 : 100_000, seed, out }) => {
    const loadAtStart = loadNow()
    const { done, results } = await lookAtRounds(stack, { streams: streams / rounds, seed, say })
    mkdirSync(out, { recursive: true })
    const what = "12: streams opened and ended"
    const written = { what, seed, quick, machine: machine(loadAtStart), rounds: done, results }
    writeFileSync(join(out, "leaks.json"), `${JSON.stringify(written, undefined, 1)}\n`)
    console.log(resultTable(results))
    const total = done.reduce((sum, one) => sum + one.streams, 0)
    const cuts = done.reduce((sum, one) => sum + one.cuts, 0)
    const leaks = results.filter(({ grows }) => grows).length
    console.log(`${total} streams, ${cuts} cuts, ${leaks} of ${results.length} grow; seed ${seed}`)
    return leaks === 0
  },
)
