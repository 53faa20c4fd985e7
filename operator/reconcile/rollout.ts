import { conditionReason as reason } from "../../crds/conditions.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { Found, Hindrance } from "./Found.ts"
import { troubleOf } from "./parts.ts"

/** Of apps/v1. Its controller counts no pod that is being ended, and leaves zeros out. */
interface DeploymentStatus {
  readonly observedGeneration?: number
  readonly replicas?: number
  readonly updatedReplicas?: number
  readonly availableReplicas?: number
  readonly conditions?: readonly {
    readonly type: string
    readonly status: string
    readonly reason?: string
    readonly message?: string
  }[]
}

/** The first Deployment whose pods are not yet those of its present template, with what keeps them; undefined when all are. */
export const rollingOut = (found: Pick<Found, "deployments" | "agents" | "authProxies">): Hindrance | undefined => {
  for (const deployment of found.deployments) {
    const awaited = awaitedOf(deployment)
    if (awaited === undefined) continue
    const [pods, role] =
      deployment.metadata.labels?.["app.kubernetes.io/component"] === "agent"
        ? ([found.agents, "agent"] as const)
        : ([found.authProxies, "auth proxy"] as const)
    const unready = pods.filter(({ ready, terminating }) => !ready && !terminating)
    const trouble = refusedPods(deployment) ?? (unready.length === 0 ? undefined : troubleOf(unready, role))
    const message = [`Deployment ${deployment.metadata.name}: ${awaited}`, trouble].filter((part) => part !== undefined)
    return { reason: reason.progressing, message: message.join("; ") }
  }
  return undefined
}

/**
 * What `kubectl rollout status` would wait for, but that a rollout which was over once (`NewReplicaSetAvailable`) is not
 * taken up again by a pod that loses its readiness, or is replaced.
 */
const awaitedOf = (deployment: KubernetesObject): string | undefined => {
  const { replicas: wanted = 1 } = deployment.spec as { readonly replicas?: number }
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = statusOf(deployment)
  if (observedGeneration < (deployment.metadata.generation ?? 0)) return "its controller has not seen the last change"
  const wasOver = conditionOf(deployment, "Progressing")?.reason === "NewReplicaSetAvailable"
  if (updatedReplicas < wanted && (!wasOver || refusedPods(deployment) !== undefined))
    return `${updatedReplicas} of ${wanted} pods are of the present template`
  if (replicas > updatedReplicas) return `${replicas - updatedReplicas} pods of an earlier template are still wanted`
  if (availableReplicas < wanted && !wasOver) return `${availableReplicas} of ${wanted} pods are available`
  return undefined
}

/** Why no pod is made at all, as by a quota: then there is none whose trouble could be told. */
const refusedPods = (deployment: KubernetesObject): string | undefined => {
  const failure = conditionOf(deployment, "ReplicaFailure")
  return failure?.status === "True" ? failure.message : undefined
}

const statusOf = ({ status }: KubernetesObject) => (status ?? {}) as DeploymentStatus
const conditionOf = (deployment: KubernetesObject, type: string) =>
  statusOf(deployment).conditions?.find((one) => one.type === type)
