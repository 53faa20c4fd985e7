import { join } from "node:path"
import { mustRun } from "../../cluster/process/runProgram.ts"
import { startPaths } from "../path/startPaths.ts"
import { small } from "../path/Target.ts"
import { quantile } from "../quantile.ts"
import { Gathered, type Row } from "../Row.ts"

const rttMillis = 40
const count = 50

/** Row 15: what k9s and helm do. Every round has a proxy that was just started. */
export const coldParallel: Row = {
  name: "parallel",
  run: async (context) => {
    const { tunnel, direct, ssh } = await startPaths(context, { rttMillis, loss: 0, mbitPerSecond: 200 })
    const gathered = new Gathered()
    for (let round = 0; round < context.rounds; round += 1) {
      const fresh = await tunnel.startProxy()
      for (const { name, target } of [direct, { name: tunnel.name, target: fresh.target }, ssh]) {
        const script = join(import.meta.dir, "../load/parallel.ts")
        const said = await mustRun(process.execPath, [script, JSON.stringify({ target, path: small, count })])
        const taken: number[] = JSON.parse(said)
        gathered.add(`${name} p50`, "ms", quantile(taken, 0.5))
        gathered.add(`${name} p99`, "ms", quantile(taken, 0.99))
      }
      await fresh.program.stop()
    }
    return {
      title: "15: 50 parallel requests from cold, 40 ms RTT",
      bar: "p99 <= 8 RTT",
      verdicts: { "p99 <= 8 RTT": gathered.median(`${tunnel.name} p99`) <= 8 * rttMillis },
      measurements: gathered.measurements,
      notes: [
        "cold: the proxy was just started and has two connections ready; each request brings its own TLS connection to it",
      ],
    }
  },
}
