import { bulkLoad, latency } from "../load/run.ts"
import type { LinkOptions } from "../path/Link.ts"
import { startPaths } from "../path/startPaths.ts"
import { small } from "../path/Target.ts"
import { Gathered, type Row, type RowContext, type RowResult } from "../Row.ts"

/** Small requests at a fixed rate while bulk streams run on connections of their own beside them. */
const mixed = async (
  context: RowContext,
  gathered: Gathered,
  suffix: string,
  perSecond: number,
  streams: number,
  link?: LinkOptions,
) => {
  await using stack = new AsyncDisposableStack()
  const { all } = await startPaths({ stack }, link)
  for (let round = 0; round < context.rounds; round += 1)
    for (const path of all) {
      // The bulk begins before the requests and ends after them.
      const [seen, bulk] = await Promise.all([
        latency(path.target, small, perSecond, context.seconds),
        bulkLoad(path.target, streams, context.seconds + 2),
      ])
      gathered.add(`${path.name} p50${suffix}`, "ms", seen.p50)
      gathered.add(`${path.name} p99${suffix}`, "ms", seen.p99)
      gathered.add(`${path.name} bulk${suffix}`, "Mbit/s", bulk.mbitPerSecond)
      if (seen.errors > 0) gathered.add(`${path.name} errors${suffix}`, "requests", seen.errors)
    }
}

/** Row 7. */
export const headOfLine: Row = {
  name: "head-of-line",
  run: async (context): Promise<RowResult> => {
    const gathered = new Gathered()
    const verdicts: Record<string, boolean> = {}
    const controls = context.quick ? (["cubic"] as const) : (["cubic", "bbr"] as const)
    for (const congestionControl of controls)
      for (const loss of context.quick ? [0.001] : [0, 0.001, 0.01]) {
        const suffix = `, ${congestionControl}, ${loss * 100} % loss`
        context.say(`head-of-line${suffix}`)
        await mixed(context, gathered, suffix, 20, 1, { rttMillis: 40, loss, mbitPerSecond: 200, congestionControl })
        verdicts[suffix.slice(2)] =
          gathered.median(`clusterconnect p50${suffix}`) <= 1.2 * gathered.median(`direct p50${suffix}`)
      }
    return {
      title: "7: 20 small requests a second beside one bulk copy, 40 ms RTT, 200 Mbit/s",
      bar: "p50 <= 1.2 x two direct TCP connections on the same link",
      verdicts,
      measurements: gathered.measurements,
      notes: ["relay and proxy on one side of the link, agent and auth proxy on the other"],
    }
  },
}

/** Row 8. */
export const cpuFull: Row = {
  name: "cpu-full",
  run: async (context): Promise<RowResult> => {
    const gathered = new Gathered()
    await mixed(context, gathered, "", 200, 2)
    return {
      title: "8: 200 small requests a second beside two unlimited downloads, loopback, both cores full",
      bar: "p50 <= 5 ms, p99 <= 1.5 x direct",
      verdicts: {
        "p50 <= 5 ms": gathered.median("clusterconnect p50") <= 5,
        "p99 <= 1.5 x direct": gathered.median("clusterconnect p99") <= 1.5 * gathered.median("direct p99"),
      },
      measurements: gathered.measurements,
      notes: [],
    }
  },
}
