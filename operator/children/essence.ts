import { createHash } from "node:crypto"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { amount } from "./quantity.ts"

/** Set by `kubectl rollout restart`; the one annotation of a pod template that is the user's. */
export const restartedAtAnnotation = "kubectl.kubernetes.io/restartedAt"

type Fields = Readonly<Record<string, unknown>>

/**
 * SHA-256 of everything in a child that is the operator's to decide; two objects with the same one are the same child. Labels and
 * annotations count by `desired`'s keys only, except a pod template's annotations, which count whole; a Deployment's number of
 * pods, what the API server allots to a Service, and what controllers add to a ServiceAccount do not count. All else counts whole.
 */
export const essence = (object: KubernetesObject, desired: KubernetesObject): string => {
  const { metadata, status: _, ...content } = object
  const decided = {
    ...content,
    ...decidedContent(object, desired),
    metadata: {
      labels: picked(metadata.labels, desired.metadata.labels),
      annotations: picked(metadata.annotations, desired.metadata.annotations),
      ownerReferences: metadata.ownerReferences,
    },
  }
  return createHash("sha256").update(canonical(decided)).digest("hex")
}

/** Fields of `kind` that differ from the stored ones without meaning anything; undefined leaves a field out. */
const decidedContent = (object: KubernetesObject, desired: KubernetesObject): Fields => {
  switch (object.kind) {
    case "Deployment":
      return { spec: { ...(object.spec as Fields), replicas: undefined, template: decidedTemplate(object, desired) } }
    case "Service":
      return { spec: { ...(object.spec as Fields), ...Object.fromEntries(allotted.map((name) => [name, undefined])) } }
    case "ServiceAccount":
      return { secrets: undefined, imagePullSecrets: undefined }
    default:
      return {}
  }
}

/** What the API server decides for a Service and wants back. */
export const allotted = ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const

export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: Fields & { readonly containers: readonly (Fields & { readonly resources?: Fields })[] }
}

export const templateOf = (object: KubernetesObject): PodTemplate =>
  (object.spec as { readonly template: PodTemplate }).template

const decidedTemplate = (object: KubernetesObject, desired: KubernetesObject): Fields => {
  const { metadata, spec } = templateOf(object)
  const { [restartedAtAnnotation]: _, ...annotations } = metadata?.annotations ?? {}
  return {
    metadata: { labels: picked(metadata?.labels, templateOf(desired).metadata?.labels), annotations },
    spec: {
      ...spec,
      containers: spec.containers.map((container) => ({ ...container, resources: amounts(container.resources) })),
    },
  }
}

const picked = (from: Readonly<Record<string, string>> = {}, keys: Readonly<Record<string, string>> = {}): Fields =>
  Object.fromEntries(Object.keys(keys).map((key) => [key, from[key]]))

const amounts = (resources: Fields | undefined): Fields | undefined =>
  resources &&
  Object.fromEntries(
    Object.entries(resources).map(([name, list]) => [
      name,
      name === "limits" || name === "requests" ? amountsOf(list as Readonly<Record<string, string | number>>) : list,
    ]),
  )

const amountsOf = (list: Readonly<Record<string, string | number>>): Fields =>
  Object.fromEntries(Object.entries(list).map(([unit, quantity]) => [unit, amount(quantity)]))

/** JSON with sorted keys and without undefined. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
