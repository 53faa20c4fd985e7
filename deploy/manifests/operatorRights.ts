import { impersonationRoles, type PolicyRule } from "../../identity/impersonationRoles.ts"
import {
  clusterRights,
  defaultNamespaceRights,
  namedClusterRights,
  namespaceRights,
  uninstallRights,
} from "../../operator/rights.ts"
import { type Manifest, metadata, operatorName } from "./names.ts"

const apiGroup = "rbac.authorization.k8s.io"
const apiVersion = `${apiGroup}/v1`

/** The one that every cluster has, and that {@link defaultNamespaceRights} is about. */
const kubernetesNamespace = "default"

type Kind = "Role" | "ClusterRole"

const account = (name: string, namespace: string): Manifest => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: metadata(name, namespace),
  automountServiceAccountToken: false,
})

const role = (kind: Kind, name: string, rules: readonly PolicyRule[], namespace?: string): Manifest => ({
  apiVersion,
  kind,
  metadata: metadata(name, namespace),
  rules,
})

/** Binds the role of the same name to an account in the operator's namespace. */
const binding = (kind: Kind, name: string, subject: Manifest, namespace?: string): Manifest => ({
  apiVersion,
  kind: `${kind}Binding`,
  metadata: metadata(name, namespace),
  roleRef: { apiGroup, kind, name },
  subjects: [{ kind: subject.kind, name: subject.metadata.name, namespace: subject.metadata.namespace }],
})

/** The operator's account with exactly the rights of operator/rights.ts, and the roles that it may bind to auth proxies. */
export const operatorRights = (namespace: string): readonly Manifest[] => {
  const operator = account(operatorName, namespace)
  return [
    operator,
    role("ClusterRole", operatorName, [...clusterRights, ...namedClusterRights]),
    binding("ClusterRole", operatorName, operator),
    role("Role", operatorName, namespaceRights, namespace),
    binding("Role", operatorName, operator, namespace),
    role("Role", `${operatorName}-default`, defaultNamespaceRights, kubernetesNamespace),
    binding("Role", `${operatorName}-default`, operator, kubernetesNamespace),
    ...impersonationRoles.map((one): Manifest => ({ ...one })),
  ]
}

const uninstallName = "clusterconnect-uninstall"

/** An account that can delete every ClusterConnect, and let go what no operator lets go. */
export const uninstallAccount = (namespace: string): readonly Manifest[] => {
  const uninstall = account(uninstallName, namespace)
  return [
    uninstall,
    role("ClusterRole", uninstallName, uninstallRights),
    binding("ClusterRole", uninstallName, uninstall),
  ]
}
