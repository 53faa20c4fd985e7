import { join } from "node:path"
import { setTimeout as after } from "node:timers/promises"
import { Effect } from "effect"
import { makePrivateDirectory, withFileLock } from "../../platform/files.ts"
import type { levels } from "../../platform/logs.ts"
import { backgroundLog, startBackground } from "../background/startBackground.ts"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { ControlConnection, ProxyGone } from "../control/ControlConnection.ts"
import { runningFolder } from "../control/controlPlace.ts"
import { type Running, runningProxies } from "../control/runningProxies.ts"
import type { Directories } from "../directories.ts"
import { LocalFailure } from "../failures.ts"
import { type EntryRules, entryHash } from "./entry.ts"

/** A proxy tells within this time that it serves, or why not; one that ends lets its sessions go. */
const startMillis = 120_000
const lookMillis = 100

export interface Asked {
  readonly cluster: string
  readonly flags: GivenFlags
  readonly rules: EntryRules
  readonly level: (typeof levels)[number]
}

/**
 * The session credential of the proxy that serves this entry, which is started when none runs: one, however many ask at once. Rejects
 * with what the proxy would have ended with.
 */
export const giveCredential = async (asked: Asked, places: Directories, signal: AbortSignal): Promise<string> => {
  const hash = entryHash(asked.flags, asked.rules)
  const known = await credentialOf(await servingEntry(hash, places), asked.cluster)
  if (known !== undefined) return known
  const locks = join(places.state, "locks")
  await makePrivateDirectory(locks)
  return await withFileLock(
    join(locks, `entry-${hash.slice(0, 32)}.lock`),
    async () => {
      for (const until = performance.now() + startMillis; performance.now() < until; await after(lookMillis)) {
        const running = await servingEntry(hash, places)
        const credential = await credentialOf(running, asked.cluster)
        if (credential !== undefined) return credential
        if (running === undefined) await started(asked, hash, places, signal)
      }
      throw new LocalFailure({ detail: `no proxy for ${asked.cluster} serves after ${startMillis / 1000} s` })
    },
    { timeoutMillis: startMillis },
  )
}

const servingEntry = async (hash: string, places: Directories): Promise<Running | undefined> =>
  (await runningProxies(runningFolder(places))).find(({ status }) => status?.entry === hash)

/** Undefined when the proxy does not serve yet, or any more. */
const credentialOf = async (running: Running | undefined, cluster: string): Promise<string | undefined> => {
  if (running === undefined) return undefined
  try {
    using connection = await ControlConnection.open(running.place)
    return await connection.credential(cluster)
  } catch (error) {
    if (error instanceof ProxyGone) return undefined
    throw error
  }
}

const started = async ({ flags, rules, level }: Asked, hash: string, places: Directories, signal: AbortSignal) => {
  const { port, idleSeconds } = rules
  const log = { path: backgroundLog(places, flags.clusters), level }
  const handOver = { flags: { ...flags, port }, tokensRead: {}, log, entry: { hash, idleSeconds } }
  const failure = await Effect.runPromise(
    Effect.match(
      startBackground(handOver, () => {}),
      { onFailure: (why) => why, onSuccess: () => undefined },
    ),
    { signal },
  )
  if (failure !== undefined) throw failure
}
