/** The resource types that the operator's rights name, by apiVersion and kind: discovery would find no more. */
const plurals: Readonly<Record<string, string>> = {
  "v1 ConfigMap": "configmaps",
  "v1 Event": "events",
  "v1 Namespace": "namespaces",
  "v1 Pod": "pods",
  "v1 ResourceQuota": "resourcequotas",
  "v1 Secret": "secrets",
  "v1 Service": "services",
  "v1 ServiceAccount": "serviceaccounts",
  "discovery.k8s.io/v1 EndpointSlice": "endpointslices",
  "apps/v1 Deployment": "deployments",
  "policy/v1 PodDisruptionBudget": "poddisruptionbudgets",
  "networking.k8s.io/v1 NetworkPolicy": "networkpolicies",
  "coordination.k8s.io/v1 Lease": "leases",
  "events.k8s.io/v1 Event": "events",
  "rbac.authorization.k8s.io/v1 ClusterRole": "clusterroles",
  "rbac.authorization.k8s.io/v1 ClusterRoleBinding": "clusterrolebindings",
  "rbac.authorization.k8s.io/v1 Role": "roles",
  "rbac.authorization.k8s.io/v1 RoleBinding": "rolebindings",
  "apiextensions.k8s.io/v1 CustomResourceDefinition": "customresourcedefinitions",
  "clusterconnect.dev/v1alpha1 ClusterConnect": "clusterconnects",
}

export interface ResourceType {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string | undefined
}

/** Path of a collection, all namespaces without `namespace`; undefined for a type that the operator has no business with. */
export const resourcePath = ({ apiVersion, kind, namespace }: ResourceType): string | undefined => {
  const plural = plurals[`${apiVersion} ${kind}`]
  if (plural === undefined) return undefined
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return `${group}${namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`}/${plural}`
}
