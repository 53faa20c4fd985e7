import { operatorLabels } from "../../operator/children/childNames.ts"

/** Any Kubernetes object, as it is written into a manifest. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** Where the operator and everything that it makes live, unless somebody says another. */
export const defaultNamespace = "clusterconnect"

/** Of the operator's Deployment, account, roles and policies. One installation is all that a cluster can have: its definition and cluster roles have one name. */
export const operatorName = "clusterconnect-operator"

export const metadata = (name: string, namespace?: string) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  labels: operatorLabels,
})
