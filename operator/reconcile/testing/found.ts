import type { KubernetesObject } from "../../kubernetes/Kubernetes.ts"
import type { AgentStatus, AuthProxyStatus, SeenPod } from "../../pods/podStatus.ts"
import type { Found } from "../Found.ts"

/** A pod of the agent that is connected. */
export const agent = (changes: Partial<SeenPod<AgentStatus>> = {}): SeenPod<AgentStatus> => ({
  name: "cc-edge-agent-1",
  ready: true,
  terminating: false,
  trouble: undefined,
  status: {
    role: "tunnel",
    version: "1.0.0",
    instance: "i",
    sessionKey: "k",
    documentSerial: 1,
    sessions: [{ replica: "relay-0" }],
  },
  ...changes,
})

export const authProxyStatus: AuthProxyStatus = {
  role: "auth-proxy",
  version: "1.0.0",
  configuration: { hash: "h1" },
  issuers: [{ name: "main", url: "https://idp.example.com", ready: true }],
  servingCertificate: { fingerprint256: "AA", notAfter: "2027-01-01T00:00:00.000Z" },
  impersonation: { apiServer: { version: "1.37", impersonation: "allowed", checkedAt: "2026-01-01T00:00:00.000Z" } },
  draining: false,
}
/** A pod of the auth proxy that serves. */
export const authProxy = (
  changes: Partial<SeenPod<AuthProxyStatus>> = {},
  status: Partial<AuthProxyStatus> = {},
): SeenPod<AuthProxyStatus> => ({
  name: "cc-edge-auth-proxy-1",
  ready: true,
  terminating: false,
  trouble: undefined,
  status: { ...authProxyStatus, ...status },
  ...changes,
})
/** The same whose probe of impersonation said this. */
export const probing = (impersonation: "unknown" | "allowed" | "forbidden", checkedAt = "2026-01-01T00:00:00Z") =>
  authProxy({}, { impersonation: { apiServer: { impersonation, checkedAt } } })

/** A Deployment of two pods whose rollout is over, as its controller says it. */
export const deployment = (component: "agent" | "auth-proxy", status: object = {}): KubernetesObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: `cc-edge-${component}`,
    generation: 4,
    labels: { "app.kubernetes.io/component": component },
  },
  spec: { replicas: 2 },
  status: {
    observedGeneration: 4,
    replicas: 2,
    updatedReplicas: 2,
    availableReplicas: 2,
    conditions: [{ type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" }],
    ...status,
  },
})

export const bound = { mode: "Constrained", sinceMillis: Date.parse("2025-12-31T23:59:00Z") } as const
/** A pass over a resource where all is well. */
export const healthy: Found = {
  previous: [],
  hindrances: [],
  credentialsKept: true,
  registration: undefined,
  deployments: [deployment("agent"), deployment("auth-proxy")],
  sessions: 2,
  withoutSessionMillis: 0,
  agents: [agent(), agent({ name: "cc-edge-agent-2" })],
  authProxies: [authProxy(), authProxy({ name: "cc-edge-auth-proxy-2" })],
  configurationHash: "h1",
  bound,
  role: undefined,
  relayAudienceAllowed: false,
  rotation: undefined,
}
