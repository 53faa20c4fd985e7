import { Effect } from "effect"
import { agentHealthPort, authProxyHealthPort, selectorLabels } from "../children/childNames.ts"
import { Kubernetes, type KubernetesFailure } from "../kubernetes/Kubernetes.ts"
import { AgentStatus, AuthProxyStatus, type SeenPod, seenPods } from "./podStatus.ts"

export interface SeenPods {
  readonly agents: readonly SeenPod<AgentStatus>[]
  readonly authProxies: readonly SeenPod<AuthProxyStatus>[]
}

/** All pods of one resource, with what each says of itself. */
export const observePods = (
  namespace: string,
  resource: string,
): Effect.Effect<SeenPods, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const podsOf = (component: "agent" | "auth-proxy") =>
      kubernetes.list({
        apiVersion: "v1",
        kind: "Pod",
        namespace,
        labelSelector: Object.entries(selectorLabels(resource, component))
          .map(([key, value]) => `${key}=${value}`)
          .join(","),
      })
    const [agents, authProxies] = yield* Effect.all([podsOf("agent"), podsOf("auth-proxy")], { concurrency: 2 })
    return yield* Effect.all(
      {
        agents: seenPods(agents, agentHealthPort, AgentStatus),
        authProxies: seenPods(authProxies, authProxyHealthPort, AuthProxyStatus),
      },
      { concurrency: 2 },
    )
  })
