import { createHash } from "node:crypto"
import { Effect } from "effect"
import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import { documentIn } from "../credentials/CredentialState.ts"
import { type Held, storeCredentials } from "../credentials/identitySecret.ts"
import type { Kubernetes, KubernetesFailure } from "../kubernetes/Kubernetes.ts"
import type { Hindrance } from "../reconcile/Found.ts"
import type { Hindered } from "../reconcile/Hindered.ts"
import type { Memory } from "../reconcile/Memory.ts"
import { secretValue } from "../reconcile/references.ts"
import { type AtRelay, awaitingRegistration, hindranceAt, isTokenUseless, joinWith } from "./registration.ts"

/** The credentials after a step at the relay, and why the relay does not know them, if so. */
export interface Registered {
  readonly held: Held
  readonly hindrance: Hindrance | undefined
}

/**
 * Registers an identity that the relay does not know: by the join token that the spec names, or else by waiting for somebody to list
 * the key. A token that the relay has called useless is not shown to it again: failed joins are counted there.
 */
export const register = (
  held: Held,
  at: Omit<AtRelay, "state">,
  { relay }: ClusterConnectSpec,
  namespace: string,
  memory: Memory,
): Effect.Effect<Registered, Hindered | KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const { state } = held
    const ref = relay.joinTokenSecretRef
    if (ref === undefined) return { held, hindrance: awaitingRegistration(state) }
    const token = (yield* secretValue(namespace, "spec.relay.joinTokenSecretRef", ref)).trim()
    const digest = createHash("sha256")
      .update(`${documentIn(state).identityKey} ${token}`)
      .digest("hex")
    if (memory.uselessToken?.digest === digest) return { held, hindrance: memory.uselessToken.hindrance }
    const failure = yield* joinWith({ ...at, state }, token).pipe(
      Effect.as(undefined),
      Effect.catchAll((error) => Effect.succeed(error)),
    )
    if (failure !== undefined) {
      const hindrance = hindranceAt(failure, state)
      if (isTokenUseless(failure)) memory.uselessToken = { digest, hindrance }
      return { held, hindrance }
    }
    yield* Effect.logInfo("joined the relay", { cluster: documentIn(state).clusterName })
    const publishedSerial = documentIn(state).serial
    return { held: yield* storeCredentials(held, { ...state, publishedSerial }), hindrance: undefined }
  })
