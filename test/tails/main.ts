/**
 * `bun run test:long tails [--times N] [--direct N] [--only TEXT]`: the last bytes of what comes out of a pod, into a kubectl that lags behind, over both
 * protocols; through us and, as the control, beside the API server: also into a client that sends nothing. A server that is done closes while megabytes are still in queues, and a
 * ping of kubectl's that meets its closed socket throws them away. Exits with 1 when anything through us was short.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { directSide, type Side } from "../e2e/sides.ts"
import { group, namespace, prepareObjects } from "../fault/faultObjects.ts"
import type { Protocol } from "../fault/sessions/Session.ts"
import { table } from "../plots/table.ts"
import { startWorld } from "../world/World.ts"
import { disturbedCopy, type Reading, silentExec, slowExec, stopped } from "./readers.ts"

const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}
const only = process.argv.includes("--only") ? (process.argv[process.argv.indexOf("--only") + 1] ?? "") : ""
const times = option("times", 100)
const directTimes = option("direct", Math.ceil(times / 5))
const megabytes = 50
const slowBytes = 16_000_000
/** Copies are disturbed when one to twelve times as much is left: up to what all queues of the way hold together. */
const stepBytes = 700_000
/** From nothing to more than all queues hold, once for each step. */
const silentTimes = 96
const silentStepBytes = 350_000
/** Slow readers cost nothing but time; copies want the machine. */
const slowAtOnce = 10
const say = (line: string) => console.error(`tails: ${line}`)

interface Way {
  readonly name: string
  readonly side: Side
  readonly times: number
}

interface Case {
  readonly label: string
  readonly times: number
  readonly atOnce: number
  readonly sha256: string
  readonly bytes: number
  readonly read: (index: number) => Promise<Reading>
}

const measured = async ({ label, times, atOnce, sha256, bytes, read }: Case) => {
  let next = 0
  const shorts: number[] = []
  const worker = async () => {
    for (let index = next++; index < times; index = next++) {
      const seen = await read(index)
      if (seen.code === 0 && seen.sha256 === sha256) continue
      shorts.push(bytes - seen.bytes)
      say(`${label}, ${index}: ${seen.bytes} of ${bytes} bytes, exit code ${seen.code}: ${seen.said.trim()}`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, worker))
  say(`${label}: ${shorts.length} of ${times} not whole`)
  return { label, times, short: shorts.length, most: Math.max(0, ...shorts) }
}

const stack = new AsyncDisposableStack()
const interrupted = () => void stack.disposeAsync().then(() => process.exit(130))
process.once("SIGINT", interrupted).once("SIGTERM", interrupted)
let failed = true
try {
  const world = await startWorld(stack, { level: "node", debug: true, onProgress: say })
  const folder = mkdtempSync(join(tmpdir(), "clusterconnect-tails-"))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const whole = await prepareObjects(world.cluster, megabytes)
  const head = ["exec", "-n", namespace, "files", "--", "sh", "-c", `head -c ${slowBytes} /www/data | sha256sum`]
  const slowSum = (await world.cluster.admin(head)).split(" ")[0] ?? ""
  const user = await world.user("tail", [group])
  const direct = directSide(world.cluster, { username: "oidc:tail", groups: [`oidc:${group}`] })
  const nearEnd = (index: number) => megabytes * 1e6 - stepBytes * (1 + (index % 12))
  const file = join(folder, "copy")
  const copies = (way: Way, protocol: Protocol, what: string, how: (kubectl: number) => Promise<void>): Case => ({
    label: `${way.name}, ${protocol}: cp, ${what} near the end`,
    times: way.times,
    atOnce: 1,
    sha256: whole,
    bytes: megabytes * 1e6,
    read: (index) => disturbedCopy(way.side, protocol, file, { atBytes: nearEnd(index), how }),
  })
  const slow = (way: Way, protocol: Protocol): Case => ({
    label: `${way.name}, ${protocol}: exec, slow reader`,
    times: way.times,
    atOnce: slowAtOnce,
    sha256: slowSum,
    bytes: slowBytes,
    read: () => slowExec(way.side, protocol, slowBytes),
  })
  await world.cluster.admin(["create", "serviceaccount", "silent", "-n", namespace])
  const bind = ["create", "rolebinding", "silent", "-n", namespace, "--clusterrole=admin"]
  await world.cluster.admin([...bind, `--serviceaccount=${namespace}:silent`])
  const token = (await world.cluster.admin(["create", "token", "silent", "-n", namespace])).trim()
  const silent: Case = {
    label: "direct, websocket: exec, a client that sends nothing stopped near the end",
    times: silentTimes,
    atOnce: slowAtOnce,
    sha256: whole,
    bytes: megabytes * 1e6,
    read: (index) => silentExec(world.cluster, token, megabytes * 1e6, megabytes * 1e6 - silentStepBytes * (1 + index)),
  }
  const us: Way = { name: "through us", side: user.kubectl, times }
  const without: Way = { name: "direct", side: direct, times: directTimes }
  const cases = (["websocket", "spdy"] as const).flatMap((protocol) => [
    slow(us, protocol),
    slow(without, protocol),
    copies(us, protocol, "kubectl stopped", stopped),
    copies(without, protocol, "kubectl stopped", stopped),
    copies(us, protocol, "relay stopped", () => stopped(world.relay.pid)),
    copies(us, protocol, "relay killed", () => world.restartRelay("SIGKILL")),
    copies(us, protocol, "agent killed", () => world.restartAgent("SIGKILL")),
  ])
  cases.push(silent)
  const results = []
  for (const one of cases.filter(({ label }) => label.includes(only))) results.push(await measured(one))
  console.log(
    table([
      ["", "times", "not whole", "most bytes lost"],
      ...results.map(({ label, times, short, most }) => [label, `${times}`, `${short}`, `${most}`]),
    ]),
  )
  failed = results.some(({ label, short }) => label.startsWith("through us") && short > 0)
} finally {
  await stack.disposeAsync()
}
process.exit(failed ? 1 : 0)
