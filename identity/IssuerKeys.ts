import { Cause, Clock, Deferred, Duration, Effect, Exit, FiberId, Option, Schedule, type Scope } from "effect"
import type { IssuerFailure } from "./issuerFailures.ts"
import type { IssuerEntry } from "./JwtEntry.ts"
import { type KeySet, keySetFrom } from "./keySet.ts"
import { type LoadOptions, loadKeys } from "./loadKeys.ts"

/** A key that an issuer withdraws is refused after this long at the latest, as long as the issuer answers. */
export const reloadInterval = Duration.minutes(5)
/** Pauses between attempts while an issuer does not answer: doubling from the first to the last. */
const firstRetryDelay = Duration.seconds(1)
const lastRetryDelay = Duration.minutes(1)
/** Keys nobody could confirm for this long are used no more. */
export const keyCeiling = Duration.hours(24)
/** Tokens with unknown keys cause at most one load per issuer in this time. */
export const unknownKeyCooldown = Duration.seconds(30)

/** Keys and when they were read. */
export interface LoadedKeys {
  readonly keys: KeySet
  readonly loadedAtMillis: number
}

/** What is known about one issuer, for `/status`. */
export interface IssuerState {
  readonly name: string
  readonly url: string
  readonly source: "inline" | "discovery"
  /** True from the first successful load on, also while the issuer fails later. */
  readonly ready: boolean
  readonly keyCount: number
  /** ISO 8601; absent before the first load and for inline keys. */
  readonly loadedAt?: string
  /** Of the last attempt, absent when it succeeded. */
  readonly failure?: { readonly name: string; readonly message: string; readonly at: string }
}

/** The keys of one issuer: read in the background, the last good set kept while the issuer is down. */
export interface IssuerKeys {
  /** The keys to verify with; undefined before the first load and when the last one is older than {@link keyCeiling}. */
  readonly current: Effect.Effect<KeySet | undefined>
  /** Reads the keys anew for a token whose key is unknown, unless that was done within {@link unknownKeyCooldown}. Callers at the same time share one load. */
  readonly refresh: Effect.Effect<void>
  /** Why the last attempt failed; undefined when it succeeded. */
  readonly failure: Effect.Effect<IssuerFailure | undefined>
  readonly state: Effect.Effect<IssuerState>
  /** Completes with the first successful load. */
  readonly awaitReady: Effect.Effect<void>
  readonly loaded: Effect.Effect<LoadedKeys | undefined>
}

export const makeIssuerKeys = (
  entry: IssuerEntry,
  options: LoadOptions & { readonly seed: LoadedKeys | undefined },
): Effect.Effect<IssuerKeys, never, Scope.Scope> =>
  entry.issuer.jwks === undefined ? fetchedKeys(entry, options) : inlineKeys(entry)

const inlineKeys = (entry: IssuerEntry): Effect.Effect<IssuerKeys> =>
  Effect.sync(() => {
    const keys = keySetFrom({ ...entry.issuer.jwks })
    return {
      current: Effect.succeed(keys),
      refresh: Effect.void,
      failure: Effect.succeed(undefined),
      state: Effect.succeed({
        name: entry.name,
        url: entry.issuer.url,
        source: "inline",
        ready: true,
        keyCount: keys?.size ?? 0,
      }),
      awaitReady: Effect.void,
      loaded: Effect.succeed(undefined),
    }
  })

const fetchedKeys = (
  entry: IssuerEntry,
  options: LoadOptions & { readonly seed: LoadedKeys | undefined },
): Effect.Effect<IssuerKeys, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const first = yield* Deferred.make<void>()
    let loaded = options.seed
    let failed: { readonly why: IssuerFailure; readonly atMillis: number } | undefined
    let running: Deferred.Deferred<void> | undefined
    let lastRefreshMillis = Number.NEGATIVE_INFINITY
    if (loaded !== undefined) yield* Deferred.succeed(first, undefined)

    const settle = Effect.fnUntraced(function* (exit: Exit.Exit<KeySet, IssuerFailure>) {
      const now = yield* Clock.currentTimeMillis
      const before = failed?.why._tag
      if (Exit.isSuccess(exit)) {
        loaded = { keys: exit.value, loadedAtMillis: now }
        failed = undefined
        yield* Deferred.succeed(first, undefined)
        if (before !== undefined) yield* Effect.logInfo("issuer keys loaded again")
        return
      }
      const why = Cause.failureOption(exit.cause)
      if (Option.isNone(why)) return yield* Effect.logDebug("loading issuer keys was interrupted")
      failed = { why: why.value, atMillis: now }
      if (before !== why.value._tag) yield* Effect.logWarning(`issuer keys cannot be loaded: ${why.value.message}`)
    })

    /** One load at a time: whoever asks meanwhile waits for it, and it outlives the caller that started it. */
    const load: Effect.Effect<void> = Effect.suspend(() => {
      if (running !== undefined) return Deferred.await(running)
      const mine = Deferred.unsafeMake<void>(FiberId.none)
      running = mine
      return Effect.interruptible(loadKeys(entry, options)).pipe(
        Effect.exit,
        Effect.flatMap(settle),
        Effect.ensuring(
          Effect.suspend(() => {
            running = undefined
            return Deferred.succeed(mine, undefined)
          }),
        ),
        Effect.annotateLogs({ issuer: entry.name }),
        Effect.forkIn(scope),
        // The waiters must be released even when the scope is closed before the load begins.
        Effect.uninterruptible,
        Effect.zipRight(Deferred.await(mine)),
      )
    })

    yield* load.pipe(
      Effect.zipRight(Effect.suspend(() => (failed === undefined ? Effect.void : Effect.fail(failed.why)))),
      Effect.retry(retries),
      Effect.repeat(Schedule.spaced(reloadInterval).pipe(Schedule.jittered)),
      Effect.forkScoped,
    )

    return {
      current: Effect.map(Clock.currentTimeMillis, (now) =>
        loaded !== undefined && now - loaded.loadedAtMillis <= Duration.toMillis(keyCeiling) ? loaded.keys : undefined,
      ),
      refresh: Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (running === undefined && now - lastRefreshMillis < Duration.toMillis(unknownKeyCooldown)) return Effect.void
        if (running === undefined) lastRefreshMillis = now
        return load
      }),
      failure: Effect.sync(() => failed?.why),
      state: Effect.sync(() => ({
        name: entry.name,
        url: entry.issuer.url,
        source: "discovery" as const,
        ready: loaded !== undefined,
        keyCount: loaded?.keys.size ?? 0,
        ...(loaded === undefined ? {} : { loadedAt: new Date(loaded.loadedAtMillis).toISOString() }),
        ...(failed === undefined
          ? {}
          : {
              failure: {
                name: failed.why._tag,
                message: failed.why.message,
                at: new Date(failed.atMillis).toISOString(),
              },
            }),
      })),
      awaitReady: Deferred.await(first),
      loaded: Effect.sync(() => loaded),
    }
  })

const retries = Schedule.exponential(firstRetryDelay).pipe(
  Schedule.union(Schedule.spaced(lastRetryDelay)),
  Schedule.jittered,
)
