import { Effect } from "effect"
import { Kubernetes, type KubernetesFailure, type KubernetesObject } from "../kubernetes/Kubernetes.ts"

/** Holds a resource until its cluster was deregistered at the relay, or half a minute was spent on trying. */
export const finalizer = "clusterconnect.dev/deregister"

export const isHeld = ({ metadata }: KubernetesObject): boolean => metadata.finalizers?.includes(finalizer) === true

const bare = ({ apiVersion, kind, metadata }: KubernetesObject, finalizers: readonly string[]): KubernetesObject => ({
  apiVersion,
  kind,
  // The uid: a resource made anew under this name is another one.
  metadata: { name: metadata.name, ...(metadata.uid === undefined ? {} : { uid: metadata.uid }), finalizers },
})

/** Puts our finalizer on the resource; gives it as stored. */
export const withFinalizer = (
  resource: KubernetesObject,
): Effect.Effect<KubernetesObject, KubernetesFailure, Kubernetes> =>
  Effect.flatMap(Kubernetes, (kubernetes) => kubernetes.apply(bare(resource, [finalizer])))

/** Takes our finalizer off, whoever else wrote it as well, and leaves others. Success too when the resource is gone. */
export const withoutFinalizer = (resource: KubernetesObject): Effect.Effect<void, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const { apiVersion, kind, metadata } = resource
    const present = yield* kubernetes.get({ apiVersion, kind, name: metadata.name })
    if (present === undefined || present.metadata.uid !== metadata.uid || !isHeld(present)) return
    // PUT, because server-side apply removes only what nobody else has written.
    yield* kubernetes.replace({
      ...present,
      metadata: {
        ...present.metadata,
        finalizers: (present.metadata.finalizers ?? []).filter((one) => one !== finalizer),
      },
    })
  }).pipe(Effect.retry({ times: 5, while: ({ reason }) => reason === "Conflict" }))
