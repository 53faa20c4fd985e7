import { CuttingProxy } from "../attack/range/CuttingProxy.ts"
import { startGround, startHere } from "../bench/path/ground.ts"
import { startTunnel } from "../bench/path/tunnelPath.ts"
import { seeded } from "../model/network/VirtualClock.ts"
import { mostGrowth } from "./bars.ts"
import { heldBy, probed } from "./held.ts"
import { type Round, runRound } from "./round.ts"
import { growth } from "./slope.ts"

export const rounds = 10
/** The last of them. */
export const judged = 5

/** Something that a program holds, by round. */
export interface Held {
  readonly what: string
  readonly values: readonly number[]
  /** Over the judged rounds. */
  readonly grown: number
  readonly most: number
  readonly grows: boolean
}

interface Asked {
  /** Of one round. */
  readonly streams: number
  readonly seed: number
  readonly say: (line: string) => void
}

/** Runs the rounds through the real programs, before a stub of the API server, and looks after each at what every program holds. */
export const lookAtRounds = async (
  stack: AsyncDisposableStack,
  { streams, seed, say }: Asked,
): Promise<{ readonly done: readonly Round[]; readonly results: readonly Held[] }> => {
  if (process.env.CLUSTERCONNECT_BINARIES !== undefined)
    throw new Error(
      "leaks: standalone binaries do not say what their heap holds; run it without CLUSTERCONNECT_BINARIES",
    )
  Object.assign(process.env, probed)
  say(`seed ${seed}; ${rounds} rounds of ${streams} streams`)
  const cutting = await CuttingProxy.start()
  stack.defer(() => cutting.stop())
  const ground = await startGround(stack, await startHere(stack))
  const tunnel = await startTunnel(stack, ground, {
    authProxyArgs: ["--hold", "10"],
    env: { HTTPS_PROXY: cutting.url },
  })
  const scene = { tunnel, cutting, victim: await tunnel.startAgent(), random: seeded(seed) }
  const done: Round[] = []
  const series: Record<string, number[]> = {}
  for (let round = 1; round <= rounds; round += 1) {
    const measured = await runRound(scene, streams, round <= rounds - judged)
    done.push(measured)
    const { relay, agent, authProxy, proxy } = tunnel.programs
    const programs = { proxy, relay, agent, "auth proxy": authProxy }
    const looks = Object.entries(programs).map(async ([name, program]) => [name, await heldBy(name, program)] as const)
    for (const [name, held] of await Promise.all(looks))
      for (const [what, value] of Object.entries(held)) {
        series[`${name}: ${what}`] ??= []
        series[`${name}: ${what}`]!.push(value)
      }
    const latest = (what: string, unit: number) =>
      Object.keys(programs).map((name) => Math.round(series[`${name}: ${what}`]!.at(-1)! / unit))
    say(
      `round ${round}: ${measured.streams} streams in ${measured.seconds.toFixed(0)} s, ${measured.cuts} cuts; objects ${latest("objects", 1).join(", ")}; MiB ${latest("resident", 2 ** 20).join(", ")}`,
    )
  }
  const last = done.slice(-judged).reduce((sum, { streams }) => sum + streams, 0)
  const results = Object.entries(series).map(([what, values]) => {
    const grown = growth(values.slice(-judged))
    const most = mostGrowth(what, last)
    return { what, values, grown, most, grows: grown > most }
  })
  return { done, results }
}
