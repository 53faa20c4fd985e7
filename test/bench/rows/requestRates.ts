import { latency } from "../load/run.ts"
import { cpuSeconds } from "../path/processes.ts"
import { startPaths } from "../path/startPaths.ts"
import { small } from "../path/Target.ts"
import { Gathered, type Row } from "../Row.ts"

/** Row 3: small GETs at growing rates. */
export const requestRates: Row = {
  name: "rates",
  run: async (context) => {
    const { tunnel, ssh, all } = await startPaths(context)
    const gathered = new Gathered()
    const rates = context.quick ? [100, 500] : [100, 1_000, 3_000]
    for (let round = 0; round < context.rounds; round += 1)
      for (const rate of rates)
        for (const path of all) {
          const pids = Object.entries(path.pids())
          const used = (of: (pid: number) => number) => pids.map(([name, pid]) => ({ name, seconds: of(pid) }))
          const before = used(cpuSeconds)
          const seen = await latency(path.target, small, rate, context.seconds)
          // Beyond the count are a few requests that warm up, and whatever came to no end.
          for (const [index, { name, seconds }] of used(cpuSeconds).entries()) {
            const millis = (1_000 * (seconds - before[index]!.seconds)) / seen.count
            gathered.add(`${path.name} CPU of ${name} at ${rate}/s`, "ms a request", millis)
          }
          gathered.add(`${path.name} p50 at ${rate}/s`, "ms", seen.p50)
          gathered.add(`${path.name} p99 at ${rate}/s`, "ms", seen.p99)
          gathered.add(`${path.name} errors at ${rate}/s`, "requests", seen.errors)
        }
    const fits = (rate: number) =>
      gathered.median(`${tunnel.name} p99 at ${rate}/s`) <= 1.5 * gathered.median(`${ssh.name} p99 at ${rate}/s`)
    return {
      title: "3: request latency at fixed rates, loopback",
      bar: "p99 <= 1.5 x the peer's at the same rate",
      verdicts: Object.fromEntries(rates.map((rate) => [`${rate}/s`, fits(rate)])),
      measurements: gathered.measurements,
      notes: ["open loop: a request that waits for its turn counts from the time at which it was due"],
    }
  },
}
