import { impersonationRoles, type PolicyRule } from "../identity/impersonationRoles.ts"

/** Everything that the operator may do, and nothing else: deploy/ makes the installation's roles of this list, a test compares. */

/** Name of the Lease by which one of several operators leads. */
export const leaseName = "clusterconnect-operator"

/** Cluster-wide. Neither `escalate` nor a write on ClusterRoles: with one of them the operator could make itself cluster-admin. */
export const clusterRights: readonly PolicyRule[] = [
  {
    apiGroups: ["clusterconnect.dev"],
    resources: ["clusterconnects"],
    verbs: ["get", "list", "watch", "patch", "update"],
  },
  { apiGroups: ["clusterconnect.dev"], resources: ["clusterconnects/status"], verbs: ["patch"] },
  // For blockOwnerDeletion where OwnerReferencesPermissionEnforcement is on.
  { apiGroups: ["clusterconnect.dev"], resources: ["clusterconnects/finalizers"], verbs: ["update"] },
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["clusterrolebindings"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
]

/** Cluster-wide, on named objects only. */
export const namedClusterRights: readonly (PolicyRule & { readonly resourceNames: readonly string[] })[] = [
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["clusterroles"],
    resourceNames: impersonationRoles.map(({ metadata }) => metadata.name),
    verbs: ["bind", "get"],
  },
  {
    apiGroups: ["apiextensions.k8s.io"],
    resources: ["customresourcedefinitions"],
    resourceNames: ["clusterconnects.clusterconnect.dev"],
    verbs: ["get"],
  },
]

/**
 * In the operator's namespace. Secrets by name only: nobody needs a list of them. Children are replaced whole, never patched;
 * those are deleted that are no longer wanted, or that nobody may change as they have to be.
 */
export const namespaceRights: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["secrets"], verbs: ["get", "create", "update", "delete"] },
  {
    apiGroups: [""],
    resources: ["configmaps", "services"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
  { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["get", "list", "watch", "create", "update"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
  {
    apiGroups: ["apps"],
    resources: ["deployments"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
  {
    apiGroups: ["policy"],
    resources: ["poddisruptionbudgets"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
  {
    apiGroups: ["networking.k8s.io"],
    resources: ["networkpolicies"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
]

/** In the namespace `default`: events about cluster-scoped objects live there, and where the API server itself listens is said there. */
export const defaultNamespaceRights: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["events"], verbs: ["create"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list"] },
]

/** Of the account that runs `clusterconnect-operator uninstall`. */
export const uninstallRights: readonly PolicyRule[] = [
  { apiGroups: ["clusterconnect.dev"], resources: ["clusterconnects"], verbs: ["get", "list", "update", "delete"] },
]
