import {
  agentHealthPort,
  authProxyHealthPort,
  operatorHealthPort,
  operatorLabels,
  operatorProgram,
} from "../../operator/children/childNames.ts"
import { nonRoot } from "../image/runtimeLayer.ts"
import { type Manifest, metadata, operatorName } from "./names.ts"

/** Ports of the API server as Services and endpoints have it, and of a relay or an HTTP proxy that listens where https does. */
const egressPorts: readonly number[] = [443, 6443]

const identity = {
  runAsNonRoot: true,
  runAsUser: nonRoot,
  runAsGroup: nonRoot,
  seccompProfile: { type: "RuntimeDefault" },
}

const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })

const probe = (path: string, rest: Readonly<Record<string, number>>) => ({
  httpGet: { path, port: "health" },
  ...rest,
})

/** Two pods, of which one leads. `image` is also the one that agents and auth proxies run. */
export const operatorDeployment = (namespace: string, image: string): Manifest => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: metadata(operatorName, namespace),
  spec: {
    replicas: 2,
    revisionHistoryLimit: 3,
    selector: { matchLabels: operatorLabels },
    template: {
      metadata: { labels: operatorLabels },
      spec: {
        serviceAccountName: operatorName,
        automountServiceAccountToken: true,
        enableServiceLinks: false,
        securityContext: identity,
        topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
          maxSkew: 1,
          topologyKey,
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: operatorLabels },
        })),
        containers: [
          {
            name: "operator",
            image,
            imagePullPolicy: "IfNotPresent",
            command: [operatorProgram, "run"],
            env: [
              field("POD_NAME", "metadata.name"),
              field("POD_NAMESPACE", "metadata.namespace"),
              field("POD_ADDRESS", "status.podIP"),
              { name: "CLUSTERCONNECT_IMAGE", value: image },
              // In brackets it is right for IPv4 and IPv6.
              { name: "CLUSTERCONNECT_HEALTH_LISTEN", value: `[$(POD_ADDRESS)]:${operatorHealthPort}` },
            ],
            ports: [{ name: "health", containerPort: operatorHealthPort }],
            resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } },
            startupProbe: probe("/livez", { periodSeconds: 2, failureThreshold: 30 }),
            livenessProbe: probe("/livez", { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
            readinessProbe: probe("/readyz", { periodSeconds: 5, timeoutSeconds: 5 }),
            terminationMessagePolicy: "FallbackToLogsOnError",
            securityContext: {
              ...identity,
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ["ALL"] },
            },
          },
        ],
      },
    },
  },
})

export const operatorDisruptionBudget = (namespace: string): Manifest => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: metadata(operatorName, namespace),
  spec: {
    maxUnavailable: 1,
    unhealthyPodEvictionPolicy: "AlwaysAllow",
    selector: { matchLabels: operatorLabels },
  },
})

const tcp = (ports: readonly number[]) => ports.map((port) => ({ protocol: "TCP", port }))

/** Nobody but the kubelet may connect; out to names, the API server, relays and the health ports of what the operator makes. By port, because a policy knows no names. */
export const operatorNetworkPolicy = (namespace: string): Manifest => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: metadata(operatorName, namespace),
  spec: {
    podSelector: { matchLabels: operatorLabels },
    policyTypes: ["Ingress", "Egress"],
    ingress: [],
    egress: [
      // Name servers' pods listen on 5353 on OpenShift.
      { ports: [53, 5353].flatMap((port) => ["UDP", "TCP"].map((protocol) => ({ protocol, port }))) },
      { ports: tcp(egressPorts) },
      {
        to: [{ podSelector: { matchLabels: { "app.kubernetes.io/name": operatorLabels["app.kubernetes.io/name"] } } }],
        ports: tcp([authProxyHealthPort, agentHealthPort]),
      },
    ],
  },
})
