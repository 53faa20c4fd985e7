import { setTimeout as after } from "node:timers/promises"
import { mustRun, runProgram } from "../cluster/process/runProgram.ts"
import type { User, World } from "../world/World.ts"
import type { Beginnings } from "./sessions/Beginnings.ts"
import type { CpSession } from "./sessions/copySessions.ts"
import type { UserNetwork } from "./UserNetwork.ts"

export interface Stage {
  readonly world: World
  readonly user: User
  readonly network: UserNetwork
  /** Of copies. */
  readonly beginnings: Beginnings
  /** Milliseconds in a range, from the seed. */
  readonly between: (from: number, to: number) => number
}

export interface Fault {
  readonly name: string
  /** kubectl's WebSocket sessions have a read deadline of 61 s that no tunnel can renew: longer faults are for the others. */
  readonly beyondWebSockets?: boolean
  /** Nobody is told of it: it shows only when somebody misses an answer. */
  readonly silent?: boolean
  /** Breaks something and makes it well again; resolves when it is well. */
  readonly strike: (stage: Stage) => Promise<void>
}

export const relayKilled: Fault = {
  name: "relay SIGKILL",
  strike: ({ world, between }) => world.restartRelay("SIGKILL", between(0, 3_000)),
}
export const relayDrained: Fault = {
  name: "relay SIGTERM",
  strike: ({ world }) => world.restartRelay("SIGTERM"),
}
export const agentKilled: Fault = { name: "agent SIGKILL", strike: ({ world }) => world.restartAgent("SIGKILL") }
export const agentDrained: Fault = { name: "agent SIGTERM", strike: ({ world }) => world.restartAgent("SIGTERM") }
export const addressChanged: Fault = {
  name: "user's address changes",
  silent: true,
  strike: ({ network }) => network.changeAddress(),
}

/** Every packet between the cluster and the relay is dropped, without a word to either. */
export const agentLinkDropped = (seconds: number): Fault => ({
  name: `agent link drops ${seconds} s`,
  silent: true,
  // A copy that begins meanwhile is refused by name after 9.5 s, as every request is.
  strike: ({ world, beginnings }) =>
    seconds > 9 ? beginnings.heldWhile(() => linkDropped(world, seconds)) : linkDropped(world, seconds),
})

const linkDropped = async ({ cluster, relayUrl }: World, seconds: number): Promise<void> => {
  if (cluster.namespace === undefined) throw new Error("this cluster has no namespace of its own to drop packets in")
  const { port } = new URL(relayUrl)
  const inside = ["netns", "exec", cluster.namespace, "nft"]
  const rules = `table inet fault {
    chain out { type filter hook output priority 0; tcp dport ${port} drop; }
    chain in { type filter hook input priority 0; tcp sport ${port} drop; }
  }`
  await mustRun("ip", [...inside, "--file", "-"], { input: rules })
  try {
    await after(seconds * 1_000)
  } finally {
    await runProgram("ip", [...inside, "delete", "table", "inet", "fault"])
  }
}

export const proxyStopped = (seconds: number): Fault => ({
  name: `proxy SIGSTOP ${seconds} s`,
  beyondWebSockets: seconds > 45,
  strike: ({ user, beginnings }) => stopped(beginnings, [user.proxy], seconds),
})

/** The control of a copy without us: its kubectl stands still for as long as one of ours heard nothing. */
export const copiesStopped = (copies: readonly CpSession[], name: string, seconds: number): Fault => ({
  name,
  strike: ({ beginnings }) => stopped(beginnings, copies, seconds),
})

const stopped = (beginnings: Beginnings, those: readonly { readonly pid: number | undefined }[], seconds: number) =>
  beginnings.heldWhile(async () => {
    const pids = those.flatMap(({ pid }) => (pid !== undefined && signalled(pid, "SIGSTOP") ? [pid] : []))
    try {
      await after(seconds * 1_000)
    } finally {
      for (const pid of pids) signalled(pid, "SIGCONT")
    }
  })

/** False when it has ended. */
export const signalled = (pid: number, signal: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
