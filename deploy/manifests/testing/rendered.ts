import { parseAllDocuments } from "yaml"
import type { Manifest } from "../names.ts"

/** The objects in a text of several documents. */
export const objectsOf = (text: string): readonly Manifest[] =>
  parseAllDocuments(text).flatMap((document) => (document.toJS() === null ? [] : [document.toJS() as Manifest]))

/** By what names them in a cluster; two objects of one name are an error. */
export const byName = (objects: readonly Manifest[]): Readonly<Record<string, Manifest>> => {
  const named = objects.map((one) => [`${one.kind} ${one.metadata.namespace ?? ""}/${one.metadata.name}`, one] as const)
  if (new Set(named.map(([name]) => name)).size < named.length) throw new Error(`twice: ${named.map(([name]) => name)}`)
  return Object.fromEntries(named)
}

export const isHook = ({ metadata }: Manifest): boolean => metadata.annotations?.["helm.sh/hook"] !== undefined

/** The pod that a Deployment, StatefulSet or Job would make, to ask admission about. */
export const podOf = (object: Manifest, namespace: string) => {
  const { template } = object.spec as { template: { metadata: object; spec: object } }
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, name: "one", namespace },
    spec: template.spec,
  }
}
