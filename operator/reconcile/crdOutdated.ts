import { definition, group, plural, version } from "../../crds/ClusterConnect.ts"
import type { KubernetesObject, ObjectRef } from "../kubernetes/Kubernetes.ts"

export const definitionRef: ObjectRef = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  name: `${plural}.${group}`,
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly items?: SchemaNode
  readonly additionalProperties?: SchemaNode | boolean
}

/**
 * Fields that this operator knows and the served definition does not: the API server drops what a user writes there, and a
 * dropped rule lets people in. Empty for the same definition and for a later one, which only adds fields.
 */
export const missingFields = (served: KubernetesObject): readonly string[] => {
  const versions = (served.spec as { versions?: readonly VersionNode[] } | undefined)?.versions ?? []
  const found = versions.find(({ name }) => name === version)?.schema?.openAPIV3Schema
  return found === undefined ? [version] : missing(own(), found, "")
}

interface VersionNode {
  readonly name: string
  readonly schema?: { readonly openAPIV3Schema?: SchemaNode }
}

const own = (): SchemaNode => definition().spec.versions[0]!.schema.openAPIV3Schema as SchemaNode

const missing = (ours: SchemaNode, theirs: SchemaNode, path: string): readonly string[] => [
  ...Object.entries(ours.properties ?? {}).flatMap(([name, node]) => {
    const at = path === "" ? name : `${path}.${name}`
    const other = theirs.properties?.[name]
    return other === undefined ? [at] : missing(node, other, at)
  }),
  ...(ours.items === undefined
    ? []
    : theirs.items === undefined
      ? [`${path}[]`]
      : missing(ours.items, theirs.items, `${path}[]`)),
]
