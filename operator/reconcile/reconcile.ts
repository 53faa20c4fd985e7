import { Clock, Effect, Random } from "effect"
import { apiVersion, kind } from "../../crds/ClusterConnect.ts"
import type { Again } from "../controller/KeyedWork.ts"
import type { ApiServer } from "../kubernetes/ApiServer.ts"
import { Kubernetes, type KubernetesFailure } from "../kubernetes/Kubernetes.ts"
import { passes, passSeconds } from "../metrics.ts"
import type { OperatorSettings } from "../settings.ts"
import { finish } from "./finish.ts"
import { type Memory, newMemory } from "./Memory.ts"
import { pass } from "./pass.ts"
import { makeSurroundings } from "./surroundings.ts"

/** What goes by itself is looked at again after this; a change of something that is watched is looked at at once. */
const UNSETTLED_MILLIS = 5_000
/** Pods and Secrets say nothing by themselves; so often they are asked. */
const SETTLED_MILLIS = 15_000
/** After a move there is usually another. */
const MOVED_MILLIS = 500
const FIRST_FAILURE_MILLIS = 1_000
const LAST_FAILURE_MILLIS = 60_000

/** One pass over the named resource, from what is stored to what should be. Never fails: what went wrong is in the status, the log and the metrics. */
export const makeReconcile = (
  settings: OperatorSettings,
): Effect.Effect<(name: string) => Effect.Effect<Again, never, Kubernetes>, never, ApiServer> =>
  Effect.gen(function* () {
    const surroundings = yield* makeSurroundings
    const memories = new Map<string, Memory>()

    const once = (name: string): Effect.Effect<Again, KubernetesFailure, Kubernetes> =>
      Effect.gen(function* () {
        const kubernetes = yield* Kubernetes
        const resource = yield* kubernetes.get({ apiVersion, kind, name })
        if (resource === undefined) {
          memories.delete(name)
          return "when woken"
        }
        const { uid = "", deletionTimestamp } = resource.metadata
        const known = memories.get(name)
        const memory = known?.uid === uid ? known : newMemory(uid)
        memories.set(name, memory)
        if (deletionTimestamp !== undefined) {
          yield* finish(settings.namespace, resource, memory.held)
          // Somebody else's finalizer may hold it; that it has gone is watched.
          return "when woken"
        }
        const outcome = yield* pass({ settings, memory, surroundings }, resource)
        memory.failures = 0
        return {
          againMillis: outcome === "moved" ? MOVED_MILLIS : outcome === "settled" ? SETTLED_MILLIS : UNSETTLED_MILLIS,
        }
      })

    return (name) =>
      Effect.gen(function* () {
        const begun = yield* Clock.currentTimeMillis
        const again = yield* once(name).pipe(
          Effect.tap(() => Effect.sync(() => passes.add(1, { outcome: "done" }))),
          Effect.catchAll((failure) =>
            Effect.gen(function* () {
              passes.add(1, { outcome: failure.reason })
              yield* Effect.logWarning(failure.message)
              const memory = memories.get(name)
              const failures = memory === undefined ? 1 : ++memory.failures
              const millis = Math.min(FIRST_FAILURE_MILLIS * 2 ** (failures - 1), LAST_FAILURE_MILLIS)
              return { againMillis: millis * (yield* Random.nextRange(0.8, 1.2)) }
            }),
          ),
        )
        passSeconds.observe(((yield* Clock.currentTimeMillis) - begun) / 1000)
        return again
      }).pipe(Effect.annotateLogs({ resource: name }))
  })
