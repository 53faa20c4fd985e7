import { Effect, Either } from "effect"
import type { ChildrenInput } from "../children/ChildrenInput.ts"
import { ownerReference } from "../children/childMetadata.ts"
import { childLabels, childName } from "../children/childNames.ts"
import { Kubernetes, type KubernetesFailure, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { type CredentialState, CredentialsDamaged, filesOfState, stateFrom } from "./CredentialState.ts"

/** The credentials with the object that holds them: what is written next has to be based on this very version. */
export interface Held {
  readonly state: CredentialState
  readonly secret: KubernetesObject
}

type Owner = Pick<ChildrenInput["resource"], "name" | "uid">

const secretRef = (namespace: string, { name }: Owner) =>
  ({ apiVersion: "v1", kind: "Secret", namespace, name: childName(name, "identity") }) as const

/** What is stored; undefined when there is nothing. A damaged Secret, or one of another owner, is a failure. */
export const loadCredentials = (
  namespace: string,
  owner: Owner,
): Effect.Effect<Held | undefined, KubernetesFailure | CredentialsDamaged, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const secret = yield* kubernetes.get(secretRef(namespace, owner))
    if (secret === undefined) return undefined
    const owners = (secret.metadata.ownerReferences ?? []) as readonly { readonly uid?: string }[]
    if (!owners.some(({ uid }) => uid === owner.uid))
      return yield* new CredentialsDamaged({
        detail: `Secret ${namespace}/${secret.metadata.name} belongs to somebody else; remove it, or give the resource another name`,
      })
    const state = stateFrom(decoded(secret))
    if (Either.isLeft(state))
      return yield* new CredentialsDamaged({
        detail: `Secret ${namespace}/${secret.metadata.name}: ${state.left.detail}; restore it from a backup, or remove it for a new identity, which every client has to be told of`,
      })
    return { state: state.right, secret }
  })

/** Stores the first state; fails with `Conflict` when somebody else was quicker: one identity, not two. */
export const createCredentials = (
  namespace: string,
  owner: Owner,
  state: CredentialState,
): Effect.Effect<Held, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const { apiVersion, kind, name } = secretRef(namespace, owner)
    const secret = yield* kubernetes.create({
      apiVersion,
      kind,
      type: "Opaque",
      metadata: {
        name,
        namespace,
        labels: childLabels(owner.name, "identity"),
        ownerReferences: [ownerReference(owner)],
      },
      data: encoded(state),
    })
    return { state, secret }
  })

/** Stores the next state; fails with `Conflict` when the Secret has changed since it was read. */
export const storeCredentials = (
  { secret }: Held,
  state: CredentialState,
): Effect.Effect<Held, KubernetesFailure, Kubernetes> =>
  Effect.flatMap(Kubernetes, (kubernetes) => kubernetes.replace({ ...secret, data: encoded(state) })).pipe(
    Effect.map((stored) => ({ state, secret: stored })),
  )

const encoded = (state: CredentialState) =>
  Object.fromEntries(
    Object.entries(filesOfState(state)).map(([name, text]) => [name, Buffer.from(text, "utf8").toString("base64")]),
  )

const decoded = ({ data }: KubernetesObject): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries((data ?? {}) as Readonly<Record<string, string>>).map(([name, text]) => [
      name,
      Buffer.from(text, "base64").toString("utf8"),
    ]),
  )
