import { bulkLoad } from "../load/run.ts"
import { cpuSeconds } from "../path/processes.ts"
import { startPaths } from "../path/startPaths.ts"
import { Gathered, type Row } from "../Row.ts"

/** Rows 4 and 5: throughput, CPU and fairness over loopback. */
export const bulkTransfer: Row = {
  name: "bulk",
  run: async (context) => {
    const { tunnel, ssh, all } = await startPaths(context)
    const gathered = new Gathered()
    const cases = [
      { streams: 1, direction: "down" },
      { streams: 1, direction: "up" },
      { streams: 8, direction: "down" },
      { streams: 64, direction: "down" },
    ] as const
    for (let round = 0; round < context.rounds; round += 1)
      for (const { streams, direction } of cases)
        for (const path of all) {
          const label = `${path.name}, ${streams} ${direction}`
          const before = Object.entries(path.pids()).map(([name, pid]) => ({ name, pid, cpu: cpuSeconds(pid) }))
          const seen = await bulkLoad(path.target, streams, context.seconds, direction)
          gathered.add(label, "Mbit/s", seen.mbitPerSecond)
          if (streams > 1) gathered.add(`${label}, fairness`, "Jain", seen.fairness)
          if (streams > 1 || before.length === 0) continue
          // The warm-up's bytes cost CPU too: a fifth of the time.
          const gigabytes = (seen.mbitPerSecond * context.seconds) / 8_000
          let sum = 0
          for (const { name, pid, cpu } of before) {
            const used = cpuSeconds(pid) - cpu
            sum += used
            if (used > 0.05) gathered.add(`${label}, CPU of ${name}`, "s/GB", used / gigabytes)
          }
          gathered.add(`${label}, CPU in sum`, "s/GB", sum / gigabytes)
        }
    const of = (path: { readonly name: string }, rest: string) => gathered.median(`${path.name}, ${rest}`)
    return {
      title: "4 and 5: bulk data over loopback, one and many streams",
      bar: "one stream >= ssh -R; CPU <= 2.5 x its; 8 and 64 streams >= 0.9 x one in sum, Jain >= 0.9",
      verdicts: {
        "down >= ssh": of(tunnel, "1 down") >= of(ssh, "1 down"),
        "up >= ssh": of(tunnel, "1 up") >= of(ssh, "1 up"),
        "CPU down": of(tunnel, "1 down, CPU in sum") <= 2.5 * of(ssh, "1 down, CPU in sum"),
        "CPU up": of(tunnel, "1 up, CPU in sum") <= 2.5 * of(ssh, "1 up, CPU in sum"),
        "8 streams": of(tunnel, "8 down") >= 0.9 * of(tunnel, "1 down"),
        "64 streams": of(tunnel, "64 down") >= 0.9 * of(tunnel, "1 down"),
        "fair at 8": of(tunnel, "8 down, fairness") >= 0.9,
        "fair at 64": of(tunnel, "64 down, fairness") >= 0.9,
      },
      measurements: gathered.measurements,
      notes: ["HTTPS to the stub on both ways; two cores for client, stub and all programs of the way"],
    }
  },
}
