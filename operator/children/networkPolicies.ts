import { relayUrl } from "../../protocol/names.ts"
import type { KubernetesObject, ObjectRef } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { type Component, childMetadata } from "./childMetadata.ts"
import {
  agentHealthPort,
  authProxyHealthPort,
  carrierPort,
  childName,
  operatorLabels,
  selectorLabels,
} from "./childNames.ts"
import { dialledPort } from "./httpProxy.ts"

const type = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" } as const

/**
 * What agent and auth proxy may talk to; everything else is dropped where the cluster's network enforces policies. By port where
 * the far side is a name: a policy knows no names. Kubelets are always let in. Policies add up: a user's own can only allow more.
 */
export const networkPolicies = (input: ChildrenInput): readonly KubernetesObject[] => {
  const { resource, apiServerPorts } = input
  if (resource.spec.networkPolicy === "Disabled") return []
  const pods = (component: Component) => [{ podSelector: { matchLabels: selectorLabels(resource.name, component) } }]
  const health = (port: number) => ({ from: [{ podSelector: { matchLabels: operatorLabels } }], ports: tcp([port]) })
  return [
    policy(
      input,
      "agent",
      [health(agentHealthPort)],
      [
        nameService,
        { ports: tcp([dialledPort(relayUrl(resource.spec.relay.url), input)]) },
        { to: pods("auth-proxy"), ports: tcp([carrierPort]) },
      ],
    ),
    policy(
      input,
      "auth-proxy",
      [{ from: pods("agent"), ports: tcp([carrierPort]) }, health(authProxyHealthPort)],
      [nameService, { ports: tcp([...apiServerPorts, ...issuerPorts(input)]) }],
    ),
  ]
}

export const otherNetworkPolicies = ({ resource, namespace }: ChildrenInput): readonly ObjectRef[] =>
  resource.spec.networkPolicy === "Enabled"
    ? []
    : (["agent", "auth-proxy"] as const).map((role) => ({ ...type, namespace, name: childName(resource.name, role) }))

const policy = (
  input: ChildrenInput,
  component: Component,
  ingress: readonly object[],
  egress: readonly object[],
): KubernetesObject => ({
  ...type,
  metadata: childMetadata(input, component, component),
  spec: {
    podSelector: { matchLabels: selectorLabels(input.resource.name, component) },
    policyTypes: ["Ingress", "Egress"],
    ingress,
    egress,
  },
})

/** Each once and in order. A rule without ports would allow all of them, hence the type. */
const tcp = (ports: readonly [number, ...number[]]) =>
  [...new Set(ports)].sort((a, b) => a - b).map((port) => ({ protocol: "TCP", port }))

/** To anywhere, because caches on the node have addresses of no pod. Name servers' pods listen on 5353 on OpenShift. */
const nameService = {
  ports: [53, 5353].flatMap((port) => ["UDP", "TCP"].map((protocol) => ({ protocol, port }))),
}

/** An issuer's keys are where its discovery document says, on any host: their usual port is allowed beside the issuer's own. */
const issuerPorts = (input: ChildrenInput): readonly number[] =>
  input.resource.spec.authentication.jwt.flatMap(({ issuer }) => {
    if (issuer.jwks !== undefined) return []
    const url = issuer.discoveryURL ?? issuer.url
    return [dialledPort(url, input), dialledPort(`https://${new URL(url).hostname}`, input)]
  })
