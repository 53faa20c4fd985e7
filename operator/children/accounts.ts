import {
  type ImpersonationMode,
  type ImpersonationProfile,
  impersonationRoleName,
} from "../../identity/impersonationRoles.ts"
import type { KubernetesObject, ObjectRef } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { type Component, childMetadata, clusterMetadata } from "./childMetadata.ts"
import { type ChildRole, childName } from "./childNames.ts"

/**
 * On the auth proxy's account, which stays whatever role it has: `true` or `false`, whether constrained impersonation ever worked.
 * Without it nobody knows.
 */
export const constrainedWorkedAnnotation = "clusterconnect.dev/constrained-worked"

/** Without a token: only the auth proxy's own pods ask for theirs. */
export const serviceAccount = (input: ChildrenInput, component: Component): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: {
    ...childMetadata(input, component, component),
    ...(component === "auth-proxy"
      ? { annotations: { [constrainedWorkedAnnotation]: String(input.constrainedWorked) } }
      : {}),
  },
  automountServiceAccountToken: false,
})

const roleOf = (mode: ImpersonationMode, profile: ImpersonationProfile): ChildRole =>
  `${mode.toLowerCase() as Lowercase<ImpersonationMode>}-${profile.toLowerCase() as Lowercase<ImpersonationProfile>}`

const bindingType = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding" } as const

/** The one right of the auth proxy's account. A binding's role cannot be changed, so each role has a binding of another name. */
export const impersonationBinding = (input: ChildrenInput): KubernetesObject => {
  const { resource, namespace, roleMode } = input
  const { profile } = resource.spec.impersonation
  return {
    ...bindingType,
    metadata: clusterMetadata(input, roleOf(roleMode, profile), "auth-proxy"),
    roleRef: {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "ClusterRole",
      name: impersonationRoleName(roleMode, profile),
    },
    subjects: [{ kind: "ServiceAccount", name: childName(resource.name, "auth-proxy"), namespace }],
  }
}

/** Bindings of the other three roles. A legacy one beside a constrained one would void the constraint. */
export const otherBindings = ({ resource, roleMode }: ChildrenInput): readonly ObjectRef[] =>
  (["Constrained", "Legacy"] as const)
    .flatMap((mode) => (["ReadWrite", "ReadOnly"] as const).map((profile) => ({ mode, profile })))
    .filter(({ mode, profile }) => mode !== roleMode || profile !== resource.spec.impersonation.profile)
    .map(({ mode, profile }) => ({ ...bindingType, name: childName(resource.name, roleOf(mode, profile)) }))
