import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ensurePackages } from "../cluster/programs/debianPackages.ts"
import { count, out, runLong, seed } from "../longProgram.ts"
import { loadNow, machine } from "../plots/machine.ts"
import { compareStreams } from "./compareStreams.ts"
import { startLossyGround } from "./lossyGround.ts"
import { orders } from "./plan.ts"

const say = (line: string) => console.error(`exact: ${line}`)

runLong(
  {
    name: "bun run test:long exact",
    about:
      "Streams of random sizes through the real relay and agent, over a link that loses 1 % of its packets, while carriers are cut after random numbers of bytes: each side ends right after its last write, both at once or one after it has seen the other's end. What was sent is what arrives, by SHA-256, and both ends are clean; exits with 1 otherwise.",
    options: { times: count("times", "How many streams.", 1_000), seed: seed(), out },
  },
  async (stack, { times, seed, out }) => {
    const loadAtStart = loadNow()
    await ensurePackages("bench", say)
    say(`seed ${seed}; ${times} streams`)
    const link = { rttMillis: 10, loss: 0.01, mbitPerSecond: 200, seed }
    const found = await compareStreams(await startLossyGround(stack, link, seed), { times, seed, say })
    const { bytes, cuts, resumed, seconds, faults } = found
    mkdirSync(out, { recursive: true })
    const written = { what: "13: byte exactness", machine: machine(loadAtStart), seed, link, times, ...found }
    writeFileSync(join(out, "exact.json"), `${JSON.stringify(written, undefined, 1)}\n`)
    const shares = orders
      .map((order) => `${found.orders[order]} ${order === "both" ? "at once" : `${order} first`}`)
      .join(", ")
    console.log(
      `${times} streams (${shares}), ${(bytes / 1e6).toFixed(0)} MB, ${cuts} cuts, ${resumed} resumes, ${seconds.toFixed(0)} s: ${faults.length} wrong; seed ${seed}`,
    )
    return faults.length === 0
  },
)
