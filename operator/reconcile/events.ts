import { Effect } from "effect"
import { apiVersion, type ClusterConnect, kind } from "../../crds/ClusterConnect.ts"
import { fieldManager, Kubernetes, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { shownText } from "./statusOf.ts"

/** Events about cluster-scoped objects live here: `kubectl describe` looks for them in this namespace. */
const eventNamespace = "default"
const MAX_EVENT_CHARACTERS = 1_000

export interface Told {
  readonly type: "Normal" | "Warning"
  readonly reason: string
  readonly message: string
}

/** Writes an event about a resource and a log line. Losing the event never stops the work it tells of. */
export const tell = (
  { metadata }: { readonly metadata: KubernetesObject["metadata"] | ClusterConnect["metadata"] },
  { type, reason, message }: Told,
): Effect.Effect<void, never, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    yield* type === "Warning" ? Effect.logWarning(message) : Effect.logInfo(message)
    const now = new Date()
    const time = `${now.toISOString().slice(0, 19)}Z`
    yield* kubernetes
      .create({
        apiVersion: "v1",
        kind: "Event",
        // As client-go's recorder names them.
        metadata: { name: `${metadata.name}.${now.getTime().toString(16)}`, namespace: eventNamespace },
        involvedObject: {
          apiVersion,
          kind,
          name: metadata.name,
          ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
          ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
        },
        type,
        reason,
        message: shownText(message, MAX_EVENT_CHARACTERS),
        source: { component: fieldManager },
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
      })
      .pipe(Effect.catchAll((failure) => Effect.logWarning(`an event could not be written: ${failure.message}`)))
  }).pipe(Effect.annotateLogs({ resource: metadata.name, reason }))
