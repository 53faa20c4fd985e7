import { relayUrl } from "../../protocol/names.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { agentHealthPort, agentProgram, childName } from "./childNames.ts"
import { deployment, flags, podListen, secretMode } from "./deployment.ts"
import { relayCaFile } from "./secrets.ts"
import { serviceAddress } from "./services.ts"

const directory = "/etc/clusterconnect/agent"

/** Draining takes ten seconds; the agent holds nothing that a longer time would save. */
const graceSeconds = 30

/** Pods of the agent: no token, no right, nothing to write. */
export const agentDeployment = (input: ChildrenInput): KubernetesObject => {
  const { clusterName, relay } = input.resource.spec
  return deployment(input, {
    component: "agent",
    command: [
      agentProgram,
      "tunnel",
      ...flags({
        dir: directory,
        // What the document must be for: a Secret of another cluster is refused.
        relay: relayUrl(relay.url),
        cluster: clusterName,
        "auth-proxy": serviceAddress(input, "auth-proxy"),
        "auth-proxy-all": serviceAddress(input, "auth-proxy-all"),
        ...(relay.caBundle === undefined ? {} : { "ca-file": `${directory}/${relayCaFile}` }),
        "health-listen": podListen(agentHealthPort),
      }),
    ],
    ports: [{ name: "health", containerPort: agentHealthPort }],
    healthPort: agentHealthPort,
    mountsToken: false,
    terminationGracePeriodSeconds: graceSeconds,
    volumes: [
      {
        name: "credentials",
        mountPath: directory,
        source: { secret: { secretName: childName(input.resource.name, "agent"), defaultMode: secretMode } },
      },
    ],
  })
}
