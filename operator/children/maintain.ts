import { Data, Effect } from "effect"
import { Kubernetes, type KubernetesFailure, type KubernetesObject, type ObjectRef } from "../kubernetes/Kubernetes.ts"
import type { Children } from "./ChildrenInput.ts"
import { judgeChild, type Remembered, rememberedFrom, standingOf } from "./judgeChild.ts"

/** A child's name is taken by an object that the resource does not own. It is neither changed nor deleted. */
export class ChildForeign extends Data.TaggedError("ChildForeign")<{
  /** Kind, namespace and name. */
  readonly object: string
}> {
  override get message(): string {
    return `${this.object} is there and does not belong to this resource: delete it, or give the resource another name`
  }
}

/** What a pass has done, by kind and name. */
export interface Changes {
  readonly written: readonly string[]
  readonly removed: readonly string[]
  /** On their way out, by whoever deletes them: look again soon, because a pass is not complete before they have gone. */
  readonly leaving: readonly string[]
  /** The Deployments as they are stored now, with what their controller says of them. */
  readonly deployments: readonly KubernetesObject[]
}

/** What one resource's children were when they were written last. One per resource, for the life of the process. */
export type ChildMemory = Map<string, Remembered>
export const makeChildMemory = (): ChildMemory => new Map()

/** Reads at once: enough that a pass over some twenty objects is short, few enough for the API server. */
const READS_AT_ONCE = 6
/** A rollout changes a Deployment's status every moment: somebody else's write in between is no failure yet. */
const CONFLICTS = 4

/**
 * Makes the live children equal to the wanted ones, and writes nothing when they are, also in the first pass of a new process.
 * Ends at the first failure; run again it goes on where it was. Secrets are read by name, never listed.
 */
export const maintain = (
  { owner, desired, absent }: Children,
  memory: ChildMemory,
): Effect.Effect<Changes, KubernetesFailure | ChildForeign, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const changes = { written: [] as string[], removed: [] as string[], leaving: [] as string[] }
    const deployments: KubernetesObject[] = []
    const isStored = (object: KubernetesObject) => {
      if (object.kind === "Deployment") deployments.push(object)
    }

    const withdrawn = (ref: ObjectRef, live: KubernetesObject) =>
      Effect.gen(function* () {
        const standing = standingOf(live, owner)
        if (standing === "foreign") return yield* new ChildForeign({ object: nameOf(ref) })
        if (standing === "leaving") return void changes.leaving.push(nameOf(ref))
        yield* kubernetes.remove(ref, live.metadata.uid)
        changes.removed.push(nameOf(ref))
      })

    const settled = (object: KubernetesObject, live: KubernetesObject | undefined) =>
      Effect.gen(function* () {
        const key = nameOf(refOf(object))
        const verdict = judgeChild(object, live, owner, memory.get(key))
        const written = (stored: KubernetesObject) => {
          memory.set(key, rememberedFrom(object, stored))
          changes.written.push(key)
          isStored(stored)
        }
        switch (verdict._tag) {
          case "Keep":
            isStored(live!)
            return void memory.set(key, verdict.remembered)
          case "Leaving":
            return void changes.leaving.push(key)
          case "Foreign":
            return yield* new ChildForeign({ object: key })
          case "Create":
            return written(yield* kubernetes.create(object))
          case "Replace":
            return written(yield* kubernetes.replace(verdict.object))
          case "Recreate":
            yield* kubernetes.remove(refOf(object), live?.metadata.uid)
            changes.removed.push(key)
            return written(yield* kubernetes.create(object))
        }
      })

    /** Acts on what was read; when that has changed since, on what is there now. */
    const acting = <A, E>(
      ref: ObjectRef,
      read: KubernetesObject | undefined,
      act: (live: KubernetesObject | undefined) => Effect.Effect<A, E>,
    ) =>
      act(read).pipe(
        Effect.catchIf(isConflict, () =>
          Effect.flatMap(kubernetes.get(ref), act).pipe(Effect.retry({ times: CONFLICTS, while: isConflict })),
        ),
      )

    const refs = [...desired.map(refOf), ...absent]
    const found = yield* Effect.forEach(refs, kubernetes.get, { concurrency: READS_AT_ONCE })
    const live = new Map(refs.map((ref, index) => [nameOf(ref), found[index]]))
    const isRight = ({ kind }: KubernetesObject) => kind === "ClusterRoleBinding"
    const makeAll = (objects: readonly KubernetesObject[]) =>
      Effect.forEach(objects, (object) => {
        const ref = refOf(object)
        return acting(ref, live.get(nameOf(ref)), (now) => settled(object, now))
      })

    // A right that is no longer wanted must not outlast a Deployment that a quota refuses.
    yield* makeAll(desired.filter(isRight))
    yield* Effect.forEach(absent, (ref) =>
      acting(ref, live.get(nameOf(ref)), (now) => (now === undefined ? Effect.void : withdrawn(ref, now))),
    )
    yield* makeAll(desired.filter((object) => !isRight(object)))
    return { ...changes, deployments }
  })

const isConflict = (error: unknown): boolean =>
  error instanceof Object && "reason" in error && error.reason === "Conflict"

const refOf = ({ apiVersion, kind, metadata: { name, namespace } }: KubernetesObject): ObjectRef => ({
  apiVersion,
  kind,
  name,
  ...(namespace === undefined ? {} : { namespace }),
})

const nameOf = ({ kind, namespace, name }: ObjectRef): string =>
  `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`
