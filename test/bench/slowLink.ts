/**
 * `bun run test:long slow-link [--minutes N]`: 256 kbit/s and 1 s RTT between relay and agent, a download and an upload that never end, and a
 * small request every 5 s. First the same without us, straight over the link, for at most two minutes. No carrier may be cut: everything that waits
 * in a queue of ours would look like a dead peer. Neither direction may stand still. Small requests have to be answered, and not later than they are
 * without us (docs/performance.md).
 */
import { ensurePackages } from "../cluster/programs/debianPackages.ts"
import { type BesideBulk, besideEndless } from "./load/besideEndless.ts"
import { startTunnelBehind } from "./path/startPaths.ts"

const at = process.argv.indexOf("--minutes")
const minutes = at < 0 ? 10 : Number(process.argv[at + 1])
const controlMinutes = 2
/** Nothing of a direction arrives for as long: it stands still. Queues of the link and its round trip are 6 s. */
const stillSeconds = 30
/** One of the 24 requests of two minutes goes unanswered straight over the link, over its full queue. */
const answeredShare = 0.95

const show = (name: string, { directions, requests }: BesideBulk) => {
  for (const { direction, kbitPerSecond, longestSeconds } of directions)
    console.log(
      `${name}, ${direction}: ${kbitPerSecond.toFixed(0)} kbit/s, nothing arrived for at most ${longestSeconds.toFixed(0)} s`,
    )
  const { count, errors, p50, p99 } = requests
  console.log(
    `${name}, small requests beside both: ${count} answered, ${errors} not, p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
  )
}

const stack = new AsyncDisposableStack()
const interrupted = () => void stack.disposeAsync().then(() => process.exit(130))
process.once("SIGINT", interrupted).once("SIGTERM", interrupted)
let failed = true
try {
  await ensurePackages("bench", console.error)
  const { ground, tunnel } = await startTunnelBehind(stack, { rttMillis: 1_000, loss: 0, mbitPerSecond: 0.256 })
  const direct = await besideEndless(ground, ground.direct.target, Math.min(minutes, controlMinutes))
  show("direct", direct)
  const ours = await besideEndless(ground, tunnel.target, minutes)
  show("clusterconnect", ours)
  const cuts = tunnel.programs.proxy.log.filter((line) => line.includes('"message":"stream suspended"')).length
  console.log(`carriers cut: ${cuts}, in ${minutes} min at 256 kbit/s with 1 s RTT`)
  const { count, errors, p50 } = ours.requests
  const still = ours.directions.some(({ longestSeconds }) => longestSeconds > stillSeconds)
  failed = cuts > 0 || still || count < answeredShare * (count + errors) || p50 > direct.requests.p50
} finally {
  await stack.disposeAsync()
}
process.exit(failed ? 1 : 0)
