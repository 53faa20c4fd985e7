import { startTunnelBehind } from "../path/startPaths.ts"
import { type BesideBulk, besideEndless } from "./besideEndless.ts"

const link = { rttMillis: 1_000, loss: 0, mbitPerSecond: 0.256 }
const controlMinutes = 2
/** Nothing of a direction arrives for as long: it stands still. Queues of the link and its round trip are 6 s. */
const stillSeconds = 30
/** One of the 24 requests of two minutes goes unanswered straight over the link, over its full queue. */
const answeredShare = 0.95

/** Bulk both ways and small requests beside it over a slow link, first without us. True when no carrier was cut and our requests are as good as the others. */
export const overSlowLink = async (stack: AsyncDisposableStack, minutes: number): Promise<boolean> => {
  const { ground, tunnel } = await startTunnelBehind(stack, link)
  const direct = await besideEndless(ground, ground.direct.target, Math.min(minutes, controlMinutes))
  show("direct", direct)
  const ours = await besideEndless(ground, tunnel.target, minutes)
  show("clusterconnect", ours)
  const cuts = tunnel.programs.proxy.log.filter((line) => line.includes('"message":"stream suspended"')).length
  console.log(`carriers cut: ${cuts}, in ${minutes} min at 256 kbit/s with 1 s RTT`)
  const { count, errors, p50 } = ours.requests
  const still = ours.directions.some(({ longestSeconds }) => longestSeconds > stillSeconds)
  return !(cuts > 0 || still || count < answeredShare * (count + errors) || p50 > direct.requests.p50)
}

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
