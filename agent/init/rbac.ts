import { stringify } from "yaml"
import {
  type ImpersonationMode,
  type ImpersonationProfile,
  impersonationRoleName,
  impersonationRoles,
} from "../../identity/impersonationRoles.ts"

export interface RbacRequest {
  readonly namespace: string
  readonly serviceAccount: string
  readonly mode: ImpersonationMode
  readonly profile: ImpersonationProfile
}

const labels = { "app.kubernetes.io/name": "clusterconnect", "app.kubernetes.io/component": "auth-proxy" }

/**
 * What an auth proxy needs in a cluster without the operator, as YAML for `kubectl apply -f -`: namespace, service account, the
 * four impersonation ClusterRoles, and one binding. The binding has one name whatever it binds: a second one beside it,
 * legacy beside constrained, would void the constraint, and changing a roleRef is refused by the API server.
 */
export const rbacManifests = ({ namespace, serviceAccount, mode, profile }: RbacRequest): string =>
  [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: { ...labels } } },
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: serviceAccount, namespace, labels: { ...labels } },
    },
    ...impersonationRoles,
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: `clusterconnect-impersonate-${namespace}-${serviceAccount}`, labels: { ...labels } },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: impersonationRoleName(mode, profile),
      },
      subjects: [{ kind: "ServiceAccount", name: serviceAccount, namespace }],
    },
  ]
    .map((manifest) => `---\n${stringify(manifest, { aliasDuplicateObjects: false, lineWidth: 0 })}`)
    .join("")
