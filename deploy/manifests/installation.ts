import { stringify } from "yaml"
import { definition } from "../../crds/ClusterConnect.ts"
import { defaultNamespace, type Manifest } from "./names.ts"
import { operatorRights } from "./operatorRights.ts"
import { operatorDeployment, operatorDisruptionBudget, operatorNetworkPolicy } from "./operatorWorkload.ts"

export interface InstallationOptions {
  /** What pods name: `repository:tag`, or better `repository@sha256:…`. */
  readonly image: string
  readonly namespace?: string
}

/** Pods that could harm their node are refused in it: none of ours could. */
export const namespaceObject = (name: string): Manifest => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name,
    labels: {
      "app.kubernetes.io/name": "clusterconnect",
      ...Object.fromEntries(
        ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]),
      ),
    },
  },
})

/** The operator without the definition of its resource, in the order in which the objects can be made. */
export const operatorObjects = ({ image, namespace = defaultNamespace }: InstallationOptions): readonly Manifest[] => [
  namespaceObject(namespace),
  ...operatorRights(namespace),
  operatorDeployment(namespace, image),
  operatorDisruptionBudget(namespace),
  operatorNetworkPolicy(namespace),
]

/** All that `kubectl apply` needs before the first ClusterConnect. */
export const installation = (options: InstallationOptions): readonly Manifest[] => [
  definition() as unknown as Manifest,
  ...operatorObjects(options),
]

/** One document each. */
export const manifestText = (objects: readonly object[]): string =>
  objects.map((one) => stringify(one, { aliasDuplicateObjects: false, lineWidth: 0 })).join("---\n")
