/** What the operator makes for one ClusterConnect, by role. Names are `cc-<metadata.name>-<role>`. */
const childRoles = [
  "identity",
  "agent",
  "auth-proxy",
  "auth-proxy-all",
  "constrained-readwrite",
  "constrained-readonly",
  "legacy-readwrite",
  "legacy-readonly",
] as const
export type ChildRole = (typeof childRoles)[number]

export const childName = (resource: string, role: ChildRole): string => `cc-${resource}-${role}`

export const ownerLabel = "clusterconnect.dev/name"

/** Labels of every child; `component` is the role whose pods, or whose parts, it is about. */
export const childLabels = (resource: string, component: "agent" | "auth-proxy" | "identity") => ({
  "app.kubernetes.io/name": "clusterconnect",
  "app.kubernetes.io/instance": resource,
  "app.kubernetes.io/component": component,
  "app.kubernetes.io/managed-by": "clusterconnect-operator",
  [ownerLabel]: resource,
})

/** Pods and Services select by these; they never change for a child. */
export const selectorLabels = (resource: string, component: "agent" | "auth-proxy") => ({
  "app.kubernetes.io/name": "clusterconnect",
  "app.kubernetes.io/instance": resource,
  "app.kubernetes.io/component": component,
})

/** Labels of the operator's own pods, made by deploy/: who may ask the health ports. */
export const operatorLabels = {
  "app.kubernetes.io/name": "clusterconnect",
  "app.kubernetes.io/component": "operator",
} as const

/** Ports of the children's containers. */
export const carrierPort = 8443
export const authProxyHealthPort = 8081
export const agentHealthPort = 8082
export const operatorHealthPort = 8083

/** Where one image for operator, agent and auth proxy has its programs. */
export const agentProgram = "/usr/local/bin/clusterconnect-agent"
export const operatorProgram = "/usr/local/bin/clusterconnect-operator"
