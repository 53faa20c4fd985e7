import { join } from "node:path"
import { setTimeout as after } from "node:timers/promises"
import { Effect } from "effect"
import { makePrivateDirectory, withFileLock } from "../../platform/files.ts"
import type { levels } from "../../platform/logs.ts"
import type { HandOver } from "../background/handOver.ts"
import type { BackgroundFailed } from "../background/outcomes.ts"
import { backgroundLog, startBackground } from "../background/startBackground.ts"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { ControlConnection, ProxyGone, ProxySilent } from "../control/ControlConnection.ts"
import { runningFolder } from "../control/controlPlace.ts"
import { proxiesOfEntry, type Running } from "../control/runningProxies.ts"
import type { Directories } from "../directories.ts"
import { exitCode, exitCodeOf } from "../exitCodes.ts"
import { type ClientFailure, LocalFailure } from "../failures.ts"
import { type EntryRules, entryHash } from "./entry.ts"
import { portTaken } from "./portTaken.ts"
import { SharedFailure } from "./SharedFailure.ts"

/** A proxy tells within this time that it serves, or why not; one that ends lets its sessions go. */
const startMillis = 120_000
const lookMillis = 100

export interface Asked {
  readonly cluster: string
  readonly flags: GivenFlags
  readonly rules: EntryRules
  readonly level: (typeof levels)[number]
}

type Start = (handOver: HandOver) => Effect.Effect<unknown, BackgroundFailed | ClientFailure>

export interface StartOptions {
  readonly signal: AbortSignal
  readonly start?: Start
  readonly startMillis?: number
}

/**
 * The session credential of the proxy that serves this entry, which is started when none runs: one, however many ask at once, and a
 * start that fails fails for all that wait for it. Rejects with what the proxy would have ended with.
 */
export const giveCredential = async (asked: Asked, places: Directories, options: StartOptions): Promise<string> => {
  const since = Date.now()
  const hash = entryHash(asked.flags, asked.rules)
  const known = await credentialOf(await servingEntry(hash, places), asked.cluster)
  if (known !== undefined) return known
  const locks = join(places.state, "locks")
  await makePrivateDirectory(locks)
  const lock = join(locks, `entry-${hash.slice(0, 32)}.lock`)
  const failed = new SharedFailure(`${lock}.failed`)
  return await withFileLock(
    lock,
    async () => {
      for (const until = performance.now() + startMillis; performance.now() < until; await after(lookMillis)) {
        const running = await servingEntry(hash, places)
        const credential = await credentialOf(running, asked.cluster)
        if (credential !== undefined) return credential
        if (running !== undefined) continue
        const shared = await failed.since(since)
        if (shared !== undefined) throw shared
        const failure = await started(asked, hash, places, options)
        if (failure === undefined) continue
        const told = (await causeOf(failure, asked, places)) ?? failure
        await failed.tell(told)
        throw told
      }
      throw new LocalFailure({ detail: `no proxy for ${asked.cluster} serves after ${startMillis / 1000} s` })
    },
    { timeoutMillis: startMillis, signal: options.signal },
  )
}

/** @throws {LocalFailure} when one is there and hangs: a second one could not have its port */
const servingEntry = async (hash: string, places: Directories): Promise<Running | undefined> => {
  const found = await proxiesOfEntry(runningFolder(places), hash)
  const answering = found.find(({ status }) => status !== undefined)
  const [hanging] = found
  if (answering === undefined && hanging !== undefined) throw silent(hanging)
  return answering
}

const silent = ({ place }: Running) =>
  new LocalFailure({
    detail: `the entry's proxy, pid ${place.pid}, does not answer: if it is suspended let it go on (kill -CONT ${place.pid}), if it hangs end it by hand`,
  })

/** Undefined when the proxy does not serve yet, or any more. */
const credentialOf = async (running: Running | undefined, cluster: string): Promise<string | undefined> => {
  if (running === undefined) return undefined
  try {
    using connection = await ControlConnection.open(running.place)
    return await connection.credential(cluster)
  } catch (error) {
    if (error instanceof ProxyGone) return undefined
    if (error instanceof ProxySilent) throw silent(running)
    throw error
  }
}

/** What a failure of this machine's was, in words for who runs kubectl; undefined where its own are the best. */
const causeOf = (failure: BackgroundFailed | ClientFailure, { rules, cluster }: Asked, places: Directories) =>
  exitCodeOf(failure) === exitCode.failure ? portTaken(rules.port, cluster, places) : undefined

/** Undefined when it serves, else why not. */
const started = (
  { flags, rules, level }: Asked,
  hash: string,
  places: Directories,
  { signal, start = (handOver) => startBackground(handOver, () => {}), startMillis: most = startMillis }: StartOptions,
): Promise<BackgroundFailed | ClientFailure | undefined> => {
  const { port, idleSeconds, variables } = rules
  const log = { path: backgroundLog(places, flags.relay ?? "", flags.clusters), level }
  const late = () =>
    new LocalFailure({ detail: `the proxy did not say within ${most / 1000} s that it serves: see ${log.path}` })
  const outcome = start({
    flags: { ...flags, port },
    tokensRead: {},
    log,
    entry: { hash, idleSeconds, variables },
  }).pipe(
    Effect.timeoutFail({ duration: most, onTimeout: late }),
    Effect.match({ onFailure: (why) => why, onSuccess: () => undefined }),
  )
  return Effect.runPromise(outcome, { signal })
}
