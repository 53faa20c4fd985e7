import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { childMetadata } from "./childMetadata.ts"
import { type ChildRole, carrierPort, childName, selectorLabels } from "./childNames.ts"

/** Where agents find auth proxies: names whose addresses are the pods' own, because a stream belongs to one pod. */
export const authProxyServices = (input: ChildrenInput): readonly KubernetesObject[] => [
  headless(input, "auth-proxy", false),
  // Those that are draining too: they hold the streams that resume.
  headless(input, "auth-proxy-all", true),
]

/** `HOST:PORT` as the agent's flags take it. */
export const serviceAddress = ({ resource, namespace }: ChildrenInput, role: "auth-proxy" | "auth-proxy-all"): string =>
  `${childName(resource.name, role)}.${namespace}.svc:${carrierPort}`

const headless = (input: ChildrenInput, role: ChildRole, publishNotReadyAddresses: boolean): KubernetesObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: childMetadata(input, role, "auth-proxy"),
  spec: {
    type: "ClusterIP",
    clusterIP: "None",
    internalTrafficPolicy: "Cluster",
    sessionAffinity: "None",
    ...(publishNotReadyAddresses ? { publishNotReadyAddresses } : {}),
    selector: selectorLabels(input.resource.name, "auth-proxy"),
    ports: [{ name: "carrier", protocol: "TCP", port: carrierPort, targetPort: carrierPort }],
  },
})
