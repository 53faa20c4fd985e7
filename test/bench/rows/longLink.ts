import { bulkLoad, latency } from "../load/run.ts"
import { startPaths } from "../path/startPaths.ts"
import { small } from "../path/Target.ts"
import { Gathered, type Row } from "../Row.ts"

/** Row 6: a window as large as the path needs. */
export const longLink: Row = {
  name: "long-link",
  run: async (context) => {
    const { tunnel, direct, all } = await startPaths(context, { rttMillis: 100, loss: 0, mbitPerSecond: 500 })
    const gathered = new Gathered()
    // Slow start of TCP and of the window both need several round trips.
    const seconds = Math.max(10, context.seconds)
    for (let round = 0; round < context.rounds; round += 1)
      for (const path of all) gathered.add(path.name, "Mbit/s", (await bulkLoad(path.target, 1, seconds)).mbitPerSecond)
    return {
      title: "6: one stream, 100 ms RTT, no loss, 500 Mbit/s, cubic",
      bar: ">= 0.9 x direct TCP",
      verdicts: { ">= 0.9 x direct": gathered.median(tunnel.name) >= 0.9 * gathered.median(direct.name) },
      measurements: gathered.measurements,
      notes: [],
    }
  },
}

const rttMillis = 40

/** Row 1, its later requests: the first is prefetched by the proxy's own start. */
export const firstByte: Row = {
  name: "first-byte",
  run: async (context) => {
    const { tunnel, all } = await startPaths(context, { rttMillis, loss: 0, mbitPerSecond: 200 })
    const gathered = new Gathered()
    for (let round = 0; round < context.rounds; round += 1)
      for (const path of all) {
        const seen = await latency(path.target, small, 5, context.seconds)
        gathered.add(`${path.name} p50`, "ms", seen.p50)
        gathered.add(`${path.name} p99`, "ms", seen.p99)
      }
    return {
      title: "1: a small GET with 40 ms RTT between relay and agent, on ready connections",
      bar: "<= 1 RTT + 5 ms",
      verdicts: { "p50 <= 45 ms": gathered.median(`${tunnel.name} p50`) <= rttMillis + 5 },
      measurements: gathered.measurements,
      notes: [],
    }
  },
}
