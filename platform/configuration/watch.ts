import { readFile } from "node:fs/promises"
import { Effect, Either, Queue, type Schema, type Scope, type Stream, SubscriptionRef } from "effect"
import { watchFiles } from "../files/watchFiles.ts"
import { counter, gauge } from "../metrics.ts"
import { ConfigurationInvalid, decodeConfiguration, type Loaded } from "./decode.ts"

/** A configuration that follows its file. What is in force is always a value that passed the schema and the program's own check. */
export interface WatchedConfiguration<A> {
  /** What is in force now. Plain and cheap: for every request. */
  readonly current: () => Loaded<A>
  /** Why the file's present content is not in force; undefined when it is. */
  readonly failure: () => ConfigurationInvalid | undefined
  /** The value in force, then every later one. */
  readonly changes: Stream.Stream<Loaded<A>>
  /** Reads the file now; fails with what is wrong with it, and the last good value stays. */
  readonly reload: Effect.Effect<Loaded<A>, ConfigurationInvalid>
}

const reloads = counter("clusterconnect_configuration_reloads_total", "Configuration files read again, by outcome.", [
  "outcome",
])
const inForce = gauge(
  "clusterconnect_configuration_current",
  "1 when the configuration file's present content is in force.",
  ["file"],
)

/** Reads and decodes a configuration file once. */
export function loadConfiguration<A, I>(
  path: string,
  schema: Schema.Schema<A, I>,
): Effect.Effect<Loaded<A>, ConfigurationInvalid> {
  return Effect.flatMap(
    Effect.tryPromise({
      try: () => readFile(path, "utf8"),
      catch: (error) =>
        new ConfigurationInvalid({
          source: path,
          problems: [unreadable(error as NodeJS.ErrnoException)],
          unread: true,
        }),
    }),
    (text) => decodeConfiguration(schema, text, path),
  )
}

export interface WatchOptions<A> {
  /** What the schema cannot see. A value that it refuses is never in force. */
  readonly check?: (value: A) => Either.Either<unknown, ConfigurationInvalid>
  readonly pollMillis?: number
  readonly signals?: Pick<NodeJS.Process, "on" | "off">
}

/**
 * Loads the file and follows it until the scope ends: replaced, edited or swapped by the kubelet, or on SIGHUP. Fails only if
 * the first load does; later a bad file is logged and counted, and the last good value stays in force.
 */
export function watchConfiguration<A, I>(
  path: string,
  schema: Schema.Schema<A, I>,
  options: WatchOptions<A> = {},
): Effect.Effect<WatchedConfiguration<A>, ConfigurationInvalid, Scope.Scope> {
  return Effect.gen(function* () {
    // Watching begins before the first read, so that no change falls between the two.
    const touched = yield* Queue.sliding<{ readonly asked: boolean }>(1)
    const touch = (asked: boolean) => () => void Queue.unsafeOffer(touched, { asked })
    const watched = yield* Effect.acquireRelease(
      Effect.sync(() => watchFiles([path], touch(false), options)),
      (held) => Effect.sync(() => held.close()),
    )
    const signals = options.signals ?? process
    const ask = touch(true)
    yield* Effect.acquireRelease(
      Effect.sync(() => signals.on("SIGHUP", ask)),
      () => Effect.sync(() => signals.off("SIGHUP", ask)),
    )
    const { check = Either.right } = options
    const load = Effect.tap(loadConfiguration(path, schema), ({ value }) =>
      Effect.flatten(checking(path, () => check(value))),
    )
    const ref = yield* SubscriptionRef.make(yield* load)
    let current = yield* SubscriptionRef.get(ref)
    let failure: ConfigurationInvalid | undefined
    inForce.set(1, { file: path })
    const once = yield* Effect.makeSemaphore(1)
    const read = function* (asked: boolean) {
      const loaded = yield* Effect.either(load)
      if (Either.isLeft(loaded)) {
        const { message, problems, unread } = loaded.left
        // Somebody who asks is to hear of it; otherwise the same file that still cannot be read is told of once.
        const isTold = !asked && unread && message === failure?.message
        failure = loaded.left
        if (unread) watched.again()
        if (isTold) return yield* failure
        reloads.add(1, { outcome: "refused" })
        inForce.set(0, { file: path })
        yield* Effect.logError("configuration refused; the last good one stays in force", { path, problems })
        return yield* failure
      }
      failure = undefined
      inForce.set(1, { file: path })
      if (loaded.right.hash === current.hash) return current
      current = loaded.right
      reloads.add(1, { outcome: "applied" })
      yield* SubscriptionRef.set(ref, current)
      yield* Effect.logInfo("configuration reloaded").pipe(Effect.annotateLogs({ path, hash: current.hash }))
      return current
    }
    const reload = Effect.fnUntraced(read, once.withPermits(1), Effect.uninterruptible)
    const follow = Effect.flatMap(Queue.take(touched), ({ asked }) => Effect.ignore(reload(asked)))
    yield* Effect.forkScoped(Effect.forever(follow))
    return { current: () => current, failure: () => failure, changes: ref.changes, reload: reload(true) }
  })
}

/** A defect of ours in the check refuses the file and does not end the following: the next change would go unseen. */
function checking<A>(path: string, check: () => A): Effect.Effect<A, ConfigurationInvalid> {
  return Effect.try({
    try: check,
    catch: (error) => new ConfigurationInvalid({ source: path, problems: [`it could not be checked: ${error}`] }),
  })
}

function unreadable({ code, message }: NodeJS.ErrnoException): string {
  return code === "ENOENT"
    ? "there is no such file"
    : code === "EACCES"
      ? "it may not be read by this user"
      : (code ?? message)
}
