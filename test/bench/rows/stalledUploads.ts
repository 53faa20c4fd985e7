import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { latency } from "../load/run.ts"
import { residentBytes } from "../path/processes.ts"
import { startPaths } from "../path/startPaths.ts"
import { small } from "../path/Target.ts"
import { Gathered, type Row } from "../Row.ts"

/** Until nothing more is accepted: kernel buffers, windows and our own are full. */
const fillSeconds = 8
const mib = 2 ** 20

/** Row 9: uploads whose reader stands still, and small requests beside them. */
export const stalledUploads: Row = {
  name: "stalled",
  run: async (context) => {
    const { tunnel } = await startPaths(context)
    const gathered = new Gathered()
    const counts = context.quick ? [1, 10] : [1, 10, 100]
    const quiet = await latency(tunnel.target, small, 50, context.seconds)
    gathered.add("p99 without uploads", "ms", quiet.p99)
    const before = Object.fromEntries(Object.entries(tunnel.pids()).map(([name, pid]) => [name, residentBytes(pid)]))
    for (const count of counts) {
      const script = join(import.meta.dir, "../load/stalledUploads.ts")
      const child = spawn(process.execPath, [script, JSON.stringify({ target: tunnel.target, count })], {
        stdio: ["pipe", "pipe", "inherit"],
      })
      let accepted = 0
      let seconds = 0
      for await (const line of createInterface({ input: child.stdout! })) {
        accepted = JSON.parse(line).accepted
        seconds += 1
        if (seconds >= fillSeconds) break
      }
      gathered.add(`accepted from ${count} uploads`, "MiB", accepted / mib)
      for (const [name, pid] of Object.entries(tunnel.pids()))
        gathered.add(`${name}, growth with ${count} uploads`, "MiB", (residentBytes(pid) - before[name]!) / mib)
      const seen = await latency(tunnel.target, small, 50, context.seconds)
      gathered.add(`p99 beside ${count} uploads`, "ms", seen.p99)
      const ended = once(child, "exit")
      child.stdin?.end()
      await ended
    }
    const most = counts.at(-1)!
    const growth = (name: string) => gathered.median(`${name}, growth with ${most} uploads`)
    return {
      title: "9: stalled uploads, loopback",
      bar: "proxy and auth proxy <= 1 MiB a stream, relay and agent <= 0.5 MiB; small requests' p99 <= 2 x",
      verdicts: {
        proxy: growth("proxy") <= most,
        "auth proxy": growth("auth proxy") <= most,
        relay: growth("relay") <= most / 2,
        agent: growth("agent") <= most / 2,
        "p99 <= 2 x": gathered.median(`p99 beside ${most} uploads`) <= 2 * quiet.p99,
      },
      measurements: gathered.measurements,
      notes: [
        "resident memory, so what a garbage collector has not given back counts; stalled, not suspended, uploads",
      ],
    }
  },
}
