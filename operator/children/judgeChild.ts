import { isDeepStrictEqual } from "node:util"
import { kind } from "../../crds/ClusterConnect.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { Children } from "./ChildrenInput.ts"
import type { ownerReference } from "./childMetadata.ts"
import { replicasAnnotation } from "./deployment.ts"
import { allotted, essence, restartedAtAnnotation, templateOf } from "./essence.ts"

/** What the API server made of a child when it was written last, or found right. */
export interface Remembered {
  readonly desired: string
  readonly stored: string
}

export type Verdict =
  | { readonly _tag: "Create" }
  /** PUT, because an apply leaves whatever somebody else has added. */
  | { readonly _tag: "Replace"; readonly object: KubernetesObject }
  /** It differs in what the API server lets nobody change. */
  | { readonly _tag: "Recreate" }
  | { readonly _tag: "Keep"; readonly remembered: Remembered }
  /** It is being deleted, or an earlier resource's that the garbage collector takes: it has to go before another can come. */
  | { readonly _tag: "Leaving" }
  | { readonly _tag: "Foreign" }

/**
 * What has to be done about one child. Against what was stored after the last write of the same child, so that what an admission
 * webhook or a later API server adds is no difference; without such a memory against the child as it is wanted.
 */
export const judgeChild = (
  desired: KubernetesObject,
  live: KubernetesObject | undefined,
  owner: Children["owner"],
  remembered: Remembered | undefined,
): Verdict => {
  if (live === undefined) return { _tag: "Create" }
  const standing = standingOf(live, owner)
  if (standing !== "ours") return { _tag: standing === "foreign" ? "Foreign" : "Leaving" }
  const wanted = essence(desired, desired)
  const stored = essence(live, desired)
  const expected = remembered?.desired === wanted ? remembered.stored : wanted
  if (stored === expected) return { _tag: "Keep", remembered: { desired: wanted, stored } }
  return isUnchangeable(desired, live) ? { _tag: "Recreate" } : { _tag: "Replace", object: replacement(desired, live) }
}

export const rememberedFrom = (desired: KubernetesObject, stored: KubernetesObject): Remembered => ({
  desired: essence(desired, desired),
  stored: essence(stored, desired),
})

/** Whose an object is, and whether it stays. */
export const standingOf = (
  { metadata }: KubernetesObject,
  owner: Children["owner"],
): "ours" | "leaving" | "foreign" => {
  const references = (metadata.ownerReferences ?? []) as readonly Partial<ReturnType<typeof ownerReference>>[]
  if (references.some(({ uid }) => uid === owner.uid))
    return metadata.deletionTimestamp === undefined ? "ours" : "leaving"
  const isEarlier = (reference: (typeof references)[number]) => reference.kind === kind && reference.name === owner.name
  return references.some(isEarlier) ? "leaving" : "foreign"
}

const isUnchangeable = (desired: KubernetesObject, live: KubernetesObject): boolean => {
  switch (desired.kind) {
    case "ClusterRoleBinding":
      return differ(desired.roleRef, live.roleRef)
    case "Deployment":
      return differ(specOf(desired).selector, specOf(live).selector)
    case "Service":
      return specOf(live).clusterIP !== specOf(desired).clusterIP
    case "Secret":
      return live.immutable === true || live.type !== desired.type
    case "ConfigMap":
      return live.immutable === true
    default:
      return false
  }
}

const differ = (a: unknown, b: unknown): boolean => !isDeepStrictEqual(a, b)

const specOf = (object: KubernetesObject) => object.spec as Readonly<Record<string, unknown>>

/** The wanted object in the place of the live one: what is not the operator's to decide stays. */
const replacement = (desired: KubernetesObject, live: KubernetesObject): KubernetesObject => {
  // Left out, they stay as they are; sent, they would have to be right.
  const { managedFields: _, ...metadata } = live.metadata
  return {
    ...desired,
    ...kept(desired, live),
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...desired.metadata.labels },
      annotations: { ...metadata.annotations, ...desired.metadata.annotations },
      ownerReferences: desired.metadata.ownerReferences!,
    },
  }
}

const kept = (desired: KubernetesObject, live: KubernetesObject): Readonly<Record<string, unknown>> => {
  switch (desired.kind) {
    case "Deployment":
      return { spec: { ...specOf(desired), replicas: replicasOf(desired, live), template: templateFor(desired, live) } }
    case "Service":
      return { spec: { ...specOf(desired), ...Object.fromEntries(allotted.map((name) => [name, specOf(live)[name]])) } }
    case "ServiceAccount":
      return { secrets: live.secrets, imagePullSecrets: live.imagePullSecrets }
    default:
      return {}
  }
}

/** An autoscaler's or a person's number, until the spec says another than when it was applied last. */
const replicasOf = (desired: KubernetesObject, live: KubernetesObject): unknown => {
  const applied = live.metadata.annotations?.[replicasAnnotation]
  return specOf(applied === desired.metadata.annotations?.[replicasAnnotation] ? live : desired).replicas
}

const templateFor = (desired: KubernetesObject, live: KubernetesObject): object => {
  const [wanted, present] = [templateOf(desired), templateOf(live)]
  const restartedAt = present.metadata?.annotations?.[restartedAtAnnotation]
  return {
    ...wanted,
    metadata: {
      labels: { ...present.metadata?.labels, ...wanted.metadata?.labels },
      annotations: {
        ...wanted.metadata?.annotations,
        ...(restartedAt === undefined ? {} : { [restartedAtAnnotation]: restartedAt }),
      },
    },
  }
}
