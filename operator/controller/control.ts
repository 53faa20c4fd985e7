import { Effect } from "effect"
import { apiVersion, kind } from "../../crds/ClusterConnect.ts"
import { ownerLabel } from "../children/childNames.ts"
import type { ApiServer } from "../kubernetes/ApiServer.ts"
import { follow, type Seen } from "../kubernetes/follow.ts"
import type { Kubernetes, KubernetesFailure, ListQuery } from "../kubernetes/Kubernetes.ts"
import { makeReconcile } from "../reconcile/reconcile.ts"
import type { OperatorSettings } from "../settings.ts"
import { changedResources, ownersOfChanged } from "./changedKeys.ts"
import { makeKeyedWork } from "./KeyedWork.ts"

/** Children that are watched. Secrets are not: nobody needs the right to list them, each pass reads them by name. */
const namespacedChildren = [
  { apiVersion: "v1", kind: "ConfigMap" },
  { apiVersion: "v1", kind: "Pod" },
  { apiVersion: "v1", kind: "Service" },
  { apiVersion: "v1", kind: "ServiceAccount" },
  { apiVersion: "apps/v1", kind: "Deployment" },
  { apiVersion: "policy/v1", kind: "PodDisruptionBudget" },
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
]

/**
 * Follows all resources and their children and makes each resource's worker look whenever something of it changed. Runs until it
 * is interrupted; the workers end with it.
 */
export const control = (settings: OperatorSettings): Effect.Effect<never, never, Kubernetes | ApiServer> =>
  Effect.gen(function* () {
    const work = yield* makeKeyedWork(yield* makeReconcile(settings))
    const following = (query: ListQuery, keysOf: (before: Seen, now: Seen) => ReadonlySet<string>) => {
      let before: Seen = new Map()
      return follow(
        query,
        (now) =>
          Effect.suspend(() => {
            const keys = keysOf(before, now)
            before = now
            return Effect.forEach(keys, work.wake, { discard: true })
          }),
        warned,
      )
    }
    const labelSelector = ownerLabel
    const followed = [
      following({ apiVersion, kind }, changedResources),
      following(
        { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", labelSelector },
        ownersOfChanged,
      ),
      ...namespacedChildren.map((type) =>
        following({ ...type, namespace: settings.namespace, labelSelector }, ownersOfChanged),
      ),
    ]
    yield* Effect.all(followed, { concurrency: "unbounded", discard: true })
    return yield* Effect.never
  }).pipe(Effect.scoped)

const warned = (failure: KubernetesFailure): Effect.Effect<void> => Effect.logWarning(failure.message)
