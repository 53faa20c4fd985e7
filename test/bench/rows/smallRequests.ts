import { join } from "node:path"
import { listening } from "../../world/Program.ts"
import { latency } from "../load/run.ts"
import { startPaths } from "../path/startPaths.ts"
import { type Path, small } from "../path/Target.ts"
import { Gathered, type Row } from "../Row.ts"

/** Far below what any of the ways carries: the cost of the way itself. */
const quietPerSecond = 50

/** Row 2: one small GET after the other, through everything, beside a plain proxy of the same runtime. */
export const smallRequests: Row = {
  name: "small",
  run: async (context) => {
    const { ground, tunnel, all } = await startPaths(context)
    const { certFile, keyFile } = ground.certificate
    const script = join(import.meta.dir, "../path/plainProxy.ts")
    const plain = ground.start(
      "plain proxy",
      process.execPath,
      [script, certFile, keyFile, ground.caFile, `${ground.stubPort}`],
      false,
    )
    const { port } = await listening(plain, "public")
    const control: Path = {
      name: "node:https proxy",
      target: { host: "127.0.0.1", port, ca: ground.caPem },
      pids: () => ({}),
    }
    const gathered = new Gathered()
    for (let round = 0; round < context.rounds; round += 1)
      for (const path of [...all, control]) {
        const seen = await latency(path.target, small, quietPerSecond, context.seconds)
        if (seen.errors > 0) throw new Error(`${path.name}: ${seen.errors} requests failed`)
        gathered.add(`${path.name} p50`, "ms", seen.p50)
        gathered.add(`${path.name} p99`, "ms", seen.p99)
      }
    const added = (part: string) =>
      gathered.median(`${tunnel.name} ${part}`) - gathered.median(`${control.name} ${part}`)
    return {
      title: "2: a small GET through everything, loopback",
      bar: "added over a plain proxy: p50 <= 3 ms, p99 <= 10 ms",
      verdicts: { "p50 <= 3 ms": added("p50") <= 3, "p99 <= 10 ms": added("p99") <= 10 },
      measurements: gathered.measurements,
      notes: [`added: p50 ${added("p50").toFixed(2)} ms, p99 ${added("p99").toFixed(2)} ms`],
    }
  },
}
