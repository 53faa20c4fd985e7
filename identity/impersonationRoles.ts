/** The RBAC that lets an auth proxy impersonate. It has no other right. */

export type ImpersonationMode = "Constrained" | "Legacy"
export type ImpersonationProfile = "ReadWrite" | "ReadOnly"

/** rbac.authorization.k8s.io/v1 PolicyRule, as far as used. */
export interface PolicyRule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly verbs: readonly string[]
}

/** rbac.authorization.k8s.io/v1 ClusterRole. */
export interface ClusterRole {
  readonly apiVersion: "rbac.authorization.k8s.io/v1"
  readonly kind: "ClusterRole"
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly rules: readonly PolicyRule[]
}

/** The extra key that every impersonated request carries: the token's id, so that the audit log leads back to it. */
export const tokenIdExtra = "clusterconnect.dev/token-id"
/** The user as whom an auth proxy tries whether it may impersonate. A role that is narrowed by resourceNames has to list it. */
export const probeUser = "clusterconnect-probe"
/** The extra key that names the caller when the caller itself impersonates (`kubectl --as`). */
export const originalUserExtra = "clusterconnect.dev/original-user"

const on = (...verbs: readonly string[]) => verbs.map((verb) => `impersonate-on:user-info:${verb}`)

/** KEP-5284, Kubernetes 1.36 and later. Who may be impersonated, then what may be done meanwhile. */
const constrainedBase: readonly PolicyRule[] = [
  // Users, groups, uids and every extra key: a rule on userextras/* would match nothing.
  { apiGroups: ["authentication.k8s.io"], resources: ["*"], verbs: ["impersonate:user-info"] },
  { apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"], verbs: on("create") },
  {
    apiGroups: ["authorization.k8s.io"],
    resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    verbs: on("create"),
  },
  { apiGroups: ["*"], resources: ["*"], verbs: on("get", "list", "watch") },
  { nonResourceURLs: ["*"], verbs: on("get") },
]

const constrainedWrites: readonly PolicyRule[] = [
  { apiGroups: ["*"], resources: ["*"], verbs: on("create", "update", "patch", "delete", "deletecollection") },
  { nonResourceURLs: ["*"], verbs: on("head", "options", "post", "put", "patch", "delete") },
]

/**
 * Kubernetes before 1.36. Service accounts are left out on purpose. Here the role cannot tell the profiles apart:
 * the auth proxy alone enforces ReadOnly. Extra keys are listed one by one, because RBAC compares
 * `userextras/<key>` as a whole and knows no wildcard behind the slash.
 */
const legacy: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["users", "groups"], verbs: ["impersonate"] },
  {
    apiGroups: ["authentication.k8s.io"],
    resources: ["uids", `userextras/${tokenIdExtra}`, `userextras/${originalUserExtra}`],
    verbs: ["impersonate"],
  },
]

/** Name of the ClusterRole for a mode and profile; the operator may bind exactly these. */
export const impersonationRoleName = (mode: ImpersonationMode, profile: ImpersonationProfile): string =>
  `clusterconnect-impersonate-${mode.toLowerCase()}-${profile.toLowerCase()}`

/** The ClusterRole to bind to the auth proxy's service account. Never bind a legacy one beside a constrained one: the server then falls back to unconstrained impersonation. */
export const impersonationRole = (mode: ImpersonationMode, profile: ImpersonationProfile): ClusterRole => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: {
    name: impersonationRoleName(mode, profile),
    labels: { "app.kubernetes.io/name": "clusterconnect", "app.kubernetes.io/component": "auth-proxy" },
  },
  rules:
    mode === "Legacy" ? legacy : profile === "ReadWrite" ? [...constrainedBase, ...constrainedWrites] : constrainedBase,
})

/** All four, as the installation ships them. */
export const impersonationRoles: readonly ClusterRole[] = [
  impersonationRole("Constrained", "ReadWrite"),
  impersonationRole("Constrained", "ReadOnly"),
  impersonationRole("Legacy", "ReadWrite"),
  impersonationRole("Legacy", "ReadOnly"),
]
