import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as after } from "node:timers/promises"
import { latency } from "../load/run.ts"
import { residentBytes } from "../path/processes.ts"
import { startPaths } from "../path/startPaths.ts"
import { small, type Target } from "../path/Target.ts"
import type { TunnelPath } from "../path/tunnelPath.ts"
import { Gathered, type Row, type RowContext } from "../Row.ts"

/** Until nothing more is accepted: kernel buffers, windows and our own are full. */
const fillSeconds = 8
/** A carrier counts as lost after 5 s without a pong. */
const suspendMillis = 8_000
const requestsPerSecond = 50
const mib = 2 ** 20

interface Kind {
  readonly name: string
  readonly script: string
}
const uploads: Kind = { name: "stalled uploads", script: "stalledUploads.ts" }
const readers: Kind = { name: "slow readers", script: "slowReaders.ts" }
const suspended = "suspended uploads"

/** Row 9: uploads whose reader stands still, with their carriers and without, readers that are slow, and small requests beside them. */
export const slowTakers: Row = {
  name: "slow-takers",
  rounds: 1,
  run: async (context) => {
    const gathered = new Gathered()
    const counts = context.quick ? [1, 10] : [1, 10, 100]
    for (const kind of [uploads, readers]) await measure(context, gathered, kind, counts)
    const most = counts.at(-1)!
    const verdicts: Record<string, boolean> = {}
    for (const what of [uploads.name, suspended, readers.name]) {
      const growth = (name: string) => gathered.median(`${name}, growth with ${most} ${what}`)
      for (const name of ["proxy", "auth proxy"]) verdicts[`${name}, ${what}`] = growth(name) <= most
      for (const name of ["relay", "agent"]) verdicts[`${name}, ${what}`] = growth(name) <= most / 2
    }
    for (const { name } of [uploads, readers])
      verdicts[`p99 beside ${name} <= 2 x`] =
        gathered.median(`p99 beside ${most} ${name}`) <= 2 * gathered.median(`p99 without ${name}`)
    return {
      title: "9: stalled and suspended uploads, slow readers, loopback",
      bar: "proxy and auth proxy <= 1 MiB a stream, relay and agent <= 0.5 MiB; small requests' p99 <= 2 x",
      verdicts,
      measurements: gathered.measurements,
      notes: [
        "resident memory, so what a garbage collector has not given back counts; one round",
        "suspended: the relay stands still until proxy and auth proxy have given up the carriers",
      ],
    }
  },
}

const measure = async (context: RowContext, gathered: Gathered, kind: Kind, counts: readonly number[]) => {
  await using stack = new AsyncDisposableStack()
  const { tunnel } = await startPaths({ stack })
  const p99 = async () => (await latency(tunnel.target, small, requestsPerSecond, context.seconds)).p99
  gathered.add(`p99 without ${kind.name}`, "ms", await p99())
  const before = resident(tunnel)
  const grown = (what: string) => {
    for (const [name, bytes] of Object.entries(resident(tunnel)))
      gathered.add(`${name}, growth with ${what}`, "MiB", (bytes - before[name]!) / mib)
  }
  for (const count of counts) {
    const load = await startLoad(kind.script, tunnel.target, count)
    gathered.add(`taken from ${count} ${kind.name}`, "MiB", load.bytes / mib)
    grown(`${count} ${kind.name}`)
    gathered.add(`p99 beside ${count} ${kind.name}`, "ms", await p99())
    if (kind === uploads) {
      const { pid } = tunnel.programs.relay
      process.kill(pid, "SIGSTOP")
      await after(suspendMillis).finally(() => process.kill(pid, "SIGCONT"))
      grown(`${count} ${suspended}`)
      // Until small requests are answered again.
      await p99()
    }
    await load.end()
  }
}

const resident = (tunnel: TunnelPath) =>
  Object.fromEntries(Object.entries(tunnel.pids()).map(([name, pid]) => [name, residentBytes(pid)]))

/** Resolves when it has gone on for so long that all buffers are full. */
const startLoad = async (script: string, target: Target, count: number) => {
  const argument = JSON.stringify({ target, count })
  const child = spawn(process.execPath, [join(import.meta.dir, "../load", script), argument], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  let bytes = 0
  let seconds = 0
  for await (const line of createInterface({ input: child.stdout! })) {
    bytes = JSON.parse(line).bytes
    seconds += 1
    if (seconds >= fillSeconds) break
  }
  const end = async () => {
    const ended = once(child, "exit")
    child.stdin?.end()
    await ended
  }
  return { bytes, end }
}
