import { Effect, Schedule } from "effect"
import { requestJson } from "../../platform/outbound.ts"
import { keyFromPem } from "../../protocol/keys.ts"
import { deregister } from "../../protocol/relayCalls.ts"
import { httpProxyFrom } from "../children/httpProxy.ts"
import { documentIn } from "../credentials/CredentialState.ts"
import { type Held, loadCredentials } from "../credentials/identitySecret.ts"
import type { Kubernetes, KubernetesFailure, KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { decodeResource } from "./decodeResource.ts"
import { tell } from "./events.ts"
import { isHeld, withoutFinalizer } from "./finalizer.ts"
import { routeOf, secretValue } from "./references.ts"

/** A relay that does not answer must not keep a resource. */
const DEREGISTER_MILLIS = 30_000

/**
 * Ends what a resource has outside the cluster, and lets it go: its children go with it. When the relay cannot be told within half
 * a minute an event says so, and the resource goes all the same.
 */
export const finish = (
  namespace: string,
  resource: KubernetesObject,
  known: Held | undefined,
): Effect.Effect<void, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    if (!isHeld(resource)) return
    const told = yield* deregistered(namespace, resource, known).pipe(
      Effect.retry(Schedule.spaced(2_000)),
      Effect.orElseSucceed(() => undefined),
      Effect.timeoutTo({
        duration: DEREGISTER_MILLIS,
        onSuccess: (nothing) => nothing,
        onTimeout: () => "the relay did not answer within 30 s",
      }),
    )
    if (told !== undefined)
      yield* tell(resource, {
        type: "Warning",
        reason: "DeregistrationFailed",
        message: `${told}; the cluster's registration stays there until somebody runs: clusterconnect-relay cluster deregister ${clusterNameOf(resource)}`,
      })
    yield* withoutFinalizer(resource)
  })

const clusterNameOf = (resource: KubernetesObject): string =>
  String((resource.spec as { clusterName?: unknown } | undefined)?.clusterName ?? resource.metadata.name)

const hasIdentity = ({ status }: KubernetesObject): boolean =>
  (status as { identityPin?: unknown } | undefined)?.identityPin !== undefined

/**
 * Gives why it cannot be done at all: without the identity key nobody can. Deletion in the foreground removes its Secret first, so
 * that what this process knows of it counts then.
 */
const deregistered = (
  namespace: string,
  resource: KubernetesObject,
  known: Held | undefined,
): Effect.Effect<string | undefined, unknown, Kubernetes> =>
  Effect.gen(function* () {
    const { name, uid = "" } = resource.metadata
    const loaded = yield* loadCredentials(namespace, { name, uid }).pipe(
      Effect.catchTag("CredentialsDamaged", () => Effect.succeed(undefined)),
    )
    const held = loaded ?? known
    if (held === undefined)
      return hasIdentity(resource) ? "the Secret of the cluster's identity is gone or damaged" : undefined
    const { spec } = yield* decodeResource(resource)
    const ref = spec.relay.httpProxySecretRef
    const text = ref === undefined ? undefined : yield* secretValue(namespace, "spec.relay.httpProxySecretRef", ref)
    const route = yield* routeOf(spec, text === undefined ? undefined : yield* httpProxyFrom(text))
    const { identityPem, signedDocument } = held.state
    const subject = { identityKey: keyFromPem(identityPem), document: documentIn(held.state), signedDocument }
    yield* Effect.tryPromise((signal) =>
      deregister(subject, (url, request) => requestJson(url, { ...route, ...request, signal })),
    )
    return undefined
  }).pipe(Effect.tapError((error) => Effect.logWarning(`deregistration: ${(error as Error).message}`)))
