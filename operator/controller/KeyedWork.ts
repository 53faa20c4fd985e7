import { Cause, Deferred, Effect, Exit, FiberMap, type Scope } from "effect"

/** What a run asks for: to be run again after a while, or never unless somebody wakes it. */
export type Again = { readonly againMillis: number } | "when woken"

/** Workers by key: at most one at a time for each key, all keys at once. */
export interface KeyedWork {
  /** Runs the key now; during a run, once more after it. Wakes that come together make one run. */
  readonly wake: (key: string) => Effect.Effect<void>
}

/** Before a run that ended by a defect of ours is tried again; one key's defect never stops another. */
const DEFECT_MILLIS = 30_000

/** Begins nothing until it is woken; ends all runs with the scope. */
export const makeKeyedWork = <R>(
  run: (key: string) => Effect.Effect<Again, never, R>,
): Effect.Effect<KeyedWork, never, Scope.Scope | R> =>
  Effect.gen(function* () {
    const workers = yield* FiberMap.make<string>()
    /** Whoever waits for a wake of the key; replaced at every run. */
    const waking = new Map<string, Deferred.Deferred<void>>()
    const begin = yield* FiberMap.runtime(workers)<R>()

    const once = (key: string) =>
      Effect.exit(run(key)).pipe(
        Effect.flatMap((exit): Effect.Effect<Again> => {
          if (Exit.isSuccess(exit)) return Effect.succeed(exit.value)
          if (Cause.isInterruptedOnly(exit.cause)) return Effect.interrupt
          return Effect.as(Effect.logError(`a pass over ${key} broke`, exit.cause), { againMillis: DEFECT_MILLIS })
        }),
      )

    const worker = (key: string): Effect.Effect<void, never, R> =>
      Effect.gen(function* () {
        for (;;) {
          const woken = yield* Deferred.make<void>()
          waking.set(key, woken)
          const again = yield* once(key)
          if (again !== "when woken") yield* Effect.timeoutOption(Deferred.await(woken), again.againMillis)
          else if (!(yield* Deferred.isDone(woken))) {
            waking.delete(key)
            return
          }
        }
      })

    return {
      wake: (key) =>
        Effect.suspend(() => {
          const woken = waking.get(key)
          if (woken !== undefined) return Effect.asVoid(Deferred.succeed(woken, undefined))
          return Effect.sync(() => void begin(key, worker(key)))
        }),
    }
  })
