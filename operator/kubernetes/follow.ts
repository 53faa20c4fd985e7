import { Effect, Random, Schedule } from "effect"
import { ApiServer, type NamedCall } from "./ApiServer.ts"
import { failureDetail, failureReason, type Status } from "./classify.ts"
import { KubernetesFailure, type KubernetesObject, type ListQuery } from "./Kubernetes.ts"
import { listed, nameOf, pathOf, selectorOf } from "./listed.ts"

/** The server is asked to end a watch after this; it spreads the load of many, and a lost end is noticed. */
const WATCH_SECONDS = 300
/** Longer than a bookmark's interval (about a minute): silence for this long is a dead connection. */
const SILENCE_MILLIS = 90_000

/** The objects of one type as last seen, by `namespace/name`, or by name where they are cluster-scoped. */
export type Seen = ReadonlyMap<string, KubernetesObject>

/** One line of a watch. */
export interface WatchEvent {
  readonly type: string
  readonly object: unknown
}

/** What one line of a watch does to what is known: a new version to go on from, and whether an object changed. */
export const taken = (seen: Map<string, KubernetesObject>, { type, object }: WatchEvent) => {
  const known = object as KubernetesObject
  const version = known.metadata?.resourceVersion
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      seen.set(keyOf(known), known)
      return { version, changed: true }
    case "DELETED":
      seen.delete(keyOf(known))
      return { version, changed: true }
    case "BOOKMARK":
      return { version, changed: false }
    default:
      // ERROR holds a Status; what is not known is treated alike, because it may have been a change.
      return { failure: object as Status & { readonly code?: number } }
  }
}

export const keyOf = ({ metadata: { namespace, name } }: KubernetesObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`

/** Between attempts after a failure: from 0.2 s, doubled, at most 30 s, each with jitter; a watch that gave something begins anew. */
const againAfter = (failures: number) =>
  Effect.map(Random.nextRange(0.8, 1.2), (jitter) => Math.min(200 * 2 ** (failures - 1), 30_000) * jitter)

/**
 * Follows all objects of one type until it is interrupted: lists, then watches from there. `onChange` gets the whole set
 * after the first list and after every change, in order and one at a time; it is for waking somebody, so it should be short.
 * No change is missed: a watch that ends goes on from the last version seen, and where the server no longer has that
 * version (410) everything is listed again, with what has gone meanwhile gone from the set. Changes between two looks may
 * arrive as one. Never fails: `onFailure` hears of each failure, and it goes on with backoff and jitter.
 */
export const follow = (
  query: ListQuery,
  onChange: (seen: Seen) => Effect.Effect<void>,
  onFailure: (failure: KubernetesFailure) => Effect.Effect<void> = () => Effect.void,
): Effect.Effect<never, never, ApiServer> =>
  Effect.gen(function* () {
    const server = yield* ApiServer
    let seen = new Map<string, KubernetesObject>()
    /** Empty: everything has to be listed. */
    let version = ""
    let failures = 0

    const relisted = Effect.gen(function* () {
      const { items, resourceVersion } = yield* listed(server, query)
      seen = new Map(items.map((object) => [keyOf(object), object]))
      yield* onChange(new Map(seen))
      version = resourceVersion
    })

    const watched = Effect.gen(function* () {
      const search = new URLSearchParams({
        watch: "true",
        allowWatchBookmarks: "true",
        timeoutSeconds: String(WATCH_SECONDS),
        resourceVersion: version,
        ...selectorOf(query),
      })
      const path = `${yield* pathOf("watch", query)}?${search}`
      const call: NamedCall = { method: "GET", path, verb: "watch", object: nameOf(query) }
      const onLine = (line: string) =>
        Effect.gen(function* () {
          const event = yield* parsed(call, line)
          const { version: next, changed, failure } = taken(seen, event)
          if (failure !== undefined) return yield* told(call, failure)
          if (changed) yield* onChange(new Map(seen))
          // Only now: had `onChange` been cut short, the change would come again.
          if (next !== undefined) version = next
          failures = 0
        })
      yield* server.lines(call, onLine, SILENCE_MILLIS)
    })

    // A watch that ends by itself is begun anew after a moment: something between may end each at once.
    const again = watched.pipe(Effect.zipRight(Effect.flatMap(againAfter(1), Effect.sleep)))

    const once = Effect.suspend(() => (version === "" ? relisted : again)).pipe(
      Effect.catchAll((failure) =>
        Effect.gen(function* () {
          // 410: the version is gone. After another refusal it may be one that the server cannot use, as a restored etcd.
          if (failure.status !== undefined && failure.status !== 429) version = ""
          failures += 1
          yield* onFailure(failure)
          yield* Effect.sleep(yield* againAfter(failures))
        }),
      ),
    )
    return yield* Effect.repeat(once, Schedule.forever).pipe(Effect.zipRight(Effect.never))
  })

const parsed = (call: NamedCall, line: string): Effect.Effect<WatchEvent, KubernetesFailure> =>
  Effect.try({
    try: () => JSON.parse(line) as WatchEvent,
    catch: () =>
      new KubernetesFailure({
        reason: "Unreachable",
        verb: call.verb,
        object: call.object,
        detail: "a line that is not JSON",
      }),
  })

const told = (call: NamedCall, status: Status & { readonly code?: number }): KubernetesFailure => {
  const code = status.code ?? 500
  return new KubernetesFailure({
    reason: failureReason(code, status),
    verb: call.verb,
    object: call.object,
    status: code,
    detail: failureDetail(code, status),
  })
}
