/**
 * `bun run test:long leaks [--quick] [--streams N] [--seed N] [--out FOLDER]`: streams are opened and ended through
 * the real programs, before a stub of the API server, in ten rounds. Either side leaves at each step, carriers are cut after random numbers of bytes; in every round an
 * agent and a user's proxy are killed under their streams, in the first five the relay as well. Exits with 1 when something grows over the last five.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CuttingProxy } from "../attack/range/CuttingProxy.ts"
import { startGround, startHere } from "../bench/path/ground.ts"
import { startTunnel } from "../bench/path/tunnelPath.ts"
import { seeded } from "../model/network/VirtualClock.ts"
import { loadNow, machine } from "../plots/machine.ts"
import { table } from "../plots/table.ts"
import { heldBy, probed } from "./held.ts"
import { type Round, runRound } from "./round.ts"
import { growth } from "./slope.ts"

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : process.argv[at + 1]
}
const quick = process.argv.includes("--quick")
const rounds = 10
const judged = 5
const streams = Number(option("streams") ?? (quick ? 10_000 : 100_000)) / rounds
const seed = Number(option("seed") ?? Date.now() % 1_000_000)
const out = option("out") ?? "dist/measurements"
const say = (line: string) => console.error(`leaks: ${line}`)

/** A stream that leaves anything behind leaves an entry of a map with an object behind: more than this. */
const mostBytesOfAStream = 256
/** What a collector may keep or give back between two looks, whatever was done. */
const noiseBytes = 8 * 2 ** 20
/** One object in ten streams. */
const mostObjectsOfAStream = 0.1
/** Caches that are not full, timers that have not ended. */
const noiseObjects = 1_000
/** Counted things: what is ready or about to close differs by a few between two looks. */
const noiseCount = 6

if (process.env.CLUSTERCONNECT_BINARIES !== undefined)
  throw new Error("leaks: standalone binaries do not say what their heap holds; run it without CLUSTERCONNECT_BINARIES")
Object.assign(process.env, probed)

const mostGrowth = (what: string, streams: number): number => {
  if (what.endsWith("resident")) return Math.max(noiseBytes, mostBytesOfAStream * streams)
  if (what.endsWith("objects")) return Math.max(noiseObjects, mostObjectsOfAStream * streams)
  return what.endsWith("bytes") ? noiseBytes : noiseCount
}

const stack = new AsyncDisposableStack()
const interrupted = () => void stack.disposeAsync().then(() => process.exit(130))
process.once("SIGINT", interrupted).once("SIGTERM", interrupted)
let leaks = 1
const loadAtStart = loadNow()
try {
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
  leaks = results.filter(({ grows }) => grows).length
  mkdirSync(out, { recursive: true })
  const written = {
    what: "12: streams opened and ended",
    seed,
    quick,
    machine: machine(loadAtStart),
    rounds: done,
    results,
  }
  writeFileSync(join(out, "leaks.json"), `${JSON.stringify(written, undefined, 1)}\n`)
  const shown = (what: string, value: number) =>
    /resident|heap bytes/.test(what) ? `${(value / 2 ** 20).toFixed(1)} MiB` : value.toFixed(value % 1 === 0 ? 0 : 1)
  console.log(
    table([
      ["", "after round 1", "after 5", "after 10", `growth over the last ${judged}`, "bar", ""],
      ...results.map(({ what, values, grown, most, grows }) => [
        what,
        ...[0, rounds - judged - 1, rounds - 1].map((index) => shown(what, values[index]!)),
        shown(what, grown),
        shown(what, most),
        grows ? "GROWS" : "",
      ]),
    ]),
  )
  const total = done.reduce((sum, { streams }) => sum + streams, 0)
  console.log(
    `${total} streams, ${done.reduce((sum, { cuts }) => sum + cuts, 0)} cuts, ${leaks} of ${results.length} grow; seed ${seed}`,
  )
} finally {
  await stack.disposeAsync()
}
process.exit(leaks > 0 ? 1 : 0)
