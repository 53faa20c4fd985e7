import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as after } from "node:timers/promises"
import type { CuttingProxy } from "../attack/range/CuttingProxy.ts"
import type { Target } from "../bench/path/Target.ts"
import type { TunnelPath } from "../bench/path/tunnelPath.ts"
import type { Program } from "../world/Program.ts"
import { streamsEnded, streamsKnown } from "./held.ts"

export interface Scene {
  readonly tunnel: TunnelPath
  /** Between the measured user and the relay. */
  readonly cutting: CuttingProxy
  /** Beside the measured one; killed and started again in every round. */
  victim: Program
  readonly random: () => number
}

export interface Round {
  readonly streams: number
  readonly seconds: number
  readonly whole: number
  readonly cuts: number
}

const atOnce = 12
const victimsAtOnce = 4
const lookMillis = 250
const mostBytesBetweenCuts = 6_000_000
/** The auth proxy's hold and tombstones are set to less. */
const settleMillis = 60_000
/** Ready connections of the one user who stays. */
const readyStreams = 4

interface Load {
  readonly child: ChildProcess
  readonly counts: () => { readonly begun: number; readonly whole: number; readonly late: number }
}

const startLoad = (target: Target, connections: number, seed: number): Load => {
  const script = join(import.meta.dir, "../bench/load/streams.ts")
  const child = spawn(process.execPath, [script, JSON.stringify({ target, atOnce: connections, seed })], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  let counts = { begun: 0, whole: 0, late: 0 }
  createInterface({ input: child.stdout! }).on("line", (line) => {
    counts = JSON.parse(line)
  })
  return { child, counts: () => counts }
}

/** Opens and ends so many streams while carriers are cut, an agent and a user's proxy are killed under theirs, and, where asked, the relay. */
export const runRound = async (scene: Scene, streams: number, killRelay: boolean): Promise<Round> => {
  const { tunnel, cutting, random } = scene
  const { authProxy } = tunnel.programs
  const began = performance.now()
  const before = await streamsEnded(authProxy)
  const cutsBefore = cutting.cuts
  const load = startLoad(tunnel.target, atOnce, Math.floor(random() * 1e9))
  const doomed = await tunnel.startProxy()
  const doomedLoad = startLoad(doomed.target, victimsAtOnce, Math.floor(random() * 1e9))
  const kills: (readonly [share: number, kill: () => Promise<unknown>])[] = [
    [0.3, () => scene.victim.stop("SIGKILL")],
    [
      0.4,
      async () => {
        scene.victim = await tunnel.startAgent()
      },
    ],
    ...(killRelay ? [[0.6, () => tunnel.relayAgain()] as const] : []),
    [0.75, () => doomed.program.stop("SIGKILL")],
  ]
  let ended = 0
  while (ended < streams) {
    await after(lookMillis)
    ended = (await streamsEnded(authProxy)) - before
    if (!cutting.armed) cutting.cutAfter(Math.floor(random() * mostBytesBetweenCuts))
    while (kills.length > 0 && ended >= kills[0]![0] * streams) await kills.shift()![1]()
  }
  for (const { child } of [load, doomedLoad]) {
    const exited = once(child, "exit")
    child.stdin?.end()
    if (child === doomedLoad.child) child.kill("SIGKILL")
    await exited
  }
  const { whole, late } = load.counts()
  if (late > 0) throw new Error(`${late} connections were not ended by anybody`)
  cutting.cutAfter(Number.POSITIVE_INFINITY)
  await settled(authProxy)
  const seconds = (performance.now() - began) / 1_000
  return { streams: (await streamsEnded(authProxy)) - before, seconds, whole, cuts: cutting.cuts - cutsBefore }
}

const settled = async (authProxy: Program): Promise<void> => {
  const until = performance.now() + settleMillis
  for (;;) {
    const { streams, tombstones } = await streamsKnown(authProxy)
    if (streams <= readyStreams && tombstones === 0) return
    if (performance.now() > until)
      throw new Error(`${streams} streams and ${tombstones} tombstones are left ${settleMillis} ms after the load`)
    await after(lookMillis)
  }
}
