import { Effect } from "effect"
import type { ClusterConnect } from "../../crds/ClusterConnect.ts"
import { pinOf } from "../../protocol/keys.ts"
import { namesOf } from "../children/namesOf.ts"
import { type CredentialsDamaged, identityOf, type Rotatable, rotatable } from "../credentials/CredentialState.ts"
import { createCredentials, type Held, loadCredentials } from "../credentials/identitySecret.ts"
import { newState } from "../credentials/makeChange.ts"
import type { CredentialsWanted } from "../credentials/nextMove.ts"
import type { Kubernetes, KubernetesFailure } from "../kubernetes/Kubernetes.ts"
import { tell } from "./events.ts"
import type { Memory } from "./Memory.ts"

/** Any text in one of these annotations asks for a rotation, each text once: `clusterconnect.dev/rotate-session-key` and so on. */
export const rotationAnnotation = (what: Rotatable): string => `clusterconnect.dev/rotate-${what}`

export const wantedOf = ({ metadata, spec }: ClusterConnect): CredentialsWanted => {
  const { relayUrl, audiences } = namesOf(spec)
  const requests = rotatable.flatMap((what) => {
    const value = metadata.annotations?.[rotationAnnotation(what)]
    return value === undefined ? [] : [[what, value] as const]
  })
  return {
    clusterName: spec.clusterName,
    relayUrl,
    audiences,
    agentKeyDays: spec.credentialRotation.agentKeyDays,
    servingCertificateDays: spec.credentialRotation.servingCertificateDays,
    requests: Object.fromEntries(requests),
  }
}

/**
 * The cluster's credentials: those that are stored; else, where somebody deleted the Secret meanwhile, the same again; else new
 * ones, with a warning where the resource had an identity before, because clients have pinned that.
 */
export const heldCredentials = (
  namespace: string,
  resource: ClusterConnect,
  memory: Memory,
): Effect.Effect<Held, KubernetesFailure | CredentialsDamaged, Kubernetes> =>
  Effect.gen(function* () {
    const owner = { name: resource.metadata.name, uid: resource.metadata.uid ?? "" }
    const loaded = yield* loadCredentials(namespace, owner)
    if (loaded !== undefined) return loaded
    const state = memory.held?.state ?? (yield* Effect.promise(() => newState(wantedOf(resource), new Date())))
    const held = yield* createCredentials(namespace, owner, state)
    const [before, now] = [resource.status?.identityPin, pinOf(identityOf(state))]
    if (before !== undefined && before !== now)
      yield* tell(resource, {
        type: "Warning",
        reason: "IdentityLost",
        message: `the Secret of the identity was gone, and a new identity was made. Clients have pinned ${before} and refuse ${now} until they are told of it; restore the Secret from a backup, or register the new one with a token made with --replace`,
      })
    return held
  })
