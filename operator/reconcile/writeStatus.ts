import { Effect } from "effect"
import { apiVersion, kind } from "../../crds/ClusterConnect.ts"
import type { ClusterConnectStatus, Condition } from "../../crds/ClusterConnectStatus.ts"
import { conditionReason as reason, conditionType as type } from "../../crds/conditions.ts"
import { jwkOf, pinOf } from "../../protocol/keys.ts"
import { type CredentialState, documentIn, identityOf } from "../credentials/CredentialState.ts"
import { Kubernetes, type KubernetesFailure, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { tell } from "./events.ts"
import type { Judgement } from "./Found.ts"
import { conditionsFrom, sameStatus, transitions } from "./statusOf.ts"

/** By Flux and kubectl users: a new text asks for a pass now, and the status says which was the last that had one. */
const requestedAt = "reconcile.fluxcd.io/requestedAt"
/** What the definition allows of it in the status: a longer text is acknowledged by its beginning. */
const MAX_HANDLED_CHARACTERS = 256

type Status = typeof ClusterConnectStatus.Encoded

/** The status as stored; what this operator does not know of it is left out of what it writes. */
const statusIn = (resource: KubernetesObject): Status => (resource.status ?? {}) as Status

export const conditionsIn = (resource: KubernetesObject): readonly Condition[] =>
  (statusIn(resource).conditions ?? []) as readonly Condition[]

export interface StatusParts {
  readonly conditions: readonly Judgement[]
  /** The spec's generation is what the auth proxies have loaded. */
  readonly observed: boolean
  readonly credentials: CredentialState | undefined
  readonly sessions: number
  readonly authProxyVersion: string | undefined
}

/** Writes what a pass has found, when something but time has changed, and an event for each turn of Ready and Stalled. */
export const writeStatus = (
  resource: KubernetesObject,
  parts: StatusParts,
): Effect.Effect<void, KubernetesFailure, Kubernetes> => {
  const { generation = 0 } = resource.metadata
  const before = statusIn(resource)
  const { credentials, sessions, authProxyVersion } = parts
  return written(resource, {
    observedGeneration: parts.observed ? generation : (before.observedGeneration ?? -1),
    conditions: conditionsFrom(parts.conditions, conditionsIn(resource), generation, new Date()),
    ...(credentials === undefined ? identityBefore(before) : identityFields(credentials)),
    agent: {
      ...(credentials === undefined
        ? before.agent?.keyIds && { keyIds: before.agent.keyIds }
        : { keyIds: documentIn(credentials).sessionKeys.map(pinOf) }),
      sessions,
    },
    ...(authProxyVersion === undefined ? {} : { authProxy: { version: authProxyVersion } }),
  })
}

const identityFields = (state: CredentialState) => {
  const identity = identityOf(state)
  return { identityPin: pinOf(identity), identityKey: jwkOf(identity) }
}
const identityBefore = ({ identityPin, identityKey }: Status) => ({
  ...(identityPin === undefined ? {} : { identityPin }),
  ...(identityKey === undefined ? {} : { identityKey }),
})

/** Says that nothing is looked at; what was found last stays, but for what is only there while it is true. */
export const writeSuspended = (resource: KubernetesObject): Effect.Effect<void, KubernetesFailure, Kubernetes> => {
  const { generation = 0 } = resource.metadata
  const before = conditionsIn(resource)
  const suspended: Judgement = {
    type: type.ready,
    status: "Unknown",
    reason: reason.suspended,
    message: "spec.suspend is set: what runs goes on running and is not looked after",
  }
  const kept = before.filter(
    (one) => one.type !== type.ready && one.type !== type.reconciling && one.type !== type.stalled,
  )
  return written(resource, {
    ...statusIn(resource),
    observedGeneration: generation,
    conditions: [...conditionsFrom([suspended], before, generation, new Date()), ...kept],
  })
}

const written = (resource: KubernetesObject, fields: Status): Effect.Effect<void, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const { name, uid, annotations } = resource.metadata
    const requested = annotations?.[requestedAt]
    const handled = requested && [...requested].slice(0, MAX_HANDLED_CHARACTERS).join("")
    const { lastHandledReconcileAt: _, ...rest } = fields
    const status: Status = { ...rest, ...(handled === undefined ? {} : { lastHandledReconcileAt: handled }) }
    if (sameStatus(resource.status, status)) return
    yield* kubernetes.applyStatus({
      apiVersion,
      kind,
      metadata: { name, ...(uid === undefined ? {} : { uid }) },
      status,
    })
    const turns = transitions(conditionsIn(resource), (status.conditions ?? []) as readonly Condition[], [
      type.ready,
      type.stalled,
    ])
    for (const { type: about, status: value, reason: why, message } of turns)
      yield* tell(resource, {
        type: value === "True" && about === type.ready ? "Normal" : "Warning",
        reason: why,
        message,
      })
  })
