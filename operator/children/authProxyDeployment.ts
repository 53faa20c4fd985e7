import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { configurationFile } from "./authProxyConfiguration.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { agentProgram, authProxyHealthPort, carrierPort, childName } from "./childNames.ts"
import { deployment, flags, podListen, secretMode } from "./deployment.ts"

const directory = "/etc/clusterconnect/serving"
const configurationDirectory = "/etc/clusterconnect/configuration"

/** Sessions of a pod that is replaced may go on for so long. */
const drainSeconds = 600
/** What the program needs after draining, before the kubelet ends it. */
const graceSeconds = drainSeconds + 10

/** The limits with which a pod has begun. */
const limitsAnnotation = "clusterconnect.dev/limits"

/** Pods of the auth proxy: the only ones with a token, and nothing to write. */
export const authProxyDeployment = (input: ChildrenInput): KubernetesObject => {
  const name = childName(input.resource.name, "auth-proxy")
  const { limits } = input.resource.spec.authProxy
  return deployment(input, {
    component: "auth-proxy",
    command: [
      agentProgram,
      "auth-proxy",
      ...flags({
        config: `${configurationDirectory}/${configurationFile}`,
        dir: directory,
        listen: podListen(carrierPort),
        "health-listen": podListen(authProxyHealthPort),
        "drain-timeout": String(drainSeconds),
      }),
    ],
    ports: [
      { name: "carrier", containerPort: carrierPort },
      { name: "health", containerPort: authProxyHealthPort },
    ],
    healthPort: authProxyHealthPort,
    mountsToken: true,
    terminationGracePeriodSeconds: graceSeconds,
    ...(limits === undefined ? {} : { podAnnotations: { [limitsAnnotation]: JSON.stringify(limits) } }),
    volumes: [
      {
        name: "serving",
        mountPath: directory,
        source: { secret: { secretName: name, defaultMode: secretMode } },
      },
      {
        name: "configuration",
        mountPath: configurationDirectory,
        source: { configMap: { name, defaultMode: secretMode } },
      },
    ],
  })
}
