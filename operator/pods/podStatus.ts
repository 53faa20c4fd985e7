import { Effect, Either, Schema } from "effect"
import { requestJson } from "../../platform/outbound.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"

/** What the operator needs of `GET /status` of an auth proxy. Other fields are ignored, so that versions may differ. */
export const AuthProxyStatus = Schema.Struct({
  role: Schema.Literal("auth-proxy"),
  version: Schema.String,
  configuration: Schema.Struct({ hash: Schema.String, failure: Schema.optional(Schema.String) }),
  issuers: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      url: Schema.String,
      ready: Schema.Boolean,
      failure: Schema.optional(Schema.Struct({ name: Schema.String, message: Schema.String })),
    }),
  ),
  servingCertificate: Schema.Struct({
    fingerprint256: Schema.String,
    notAfter: Schema.String,
    failure: Schema.optional(Schema.String),
  }),
  impersonation: Schema.Struct({
    apiServer: Schema.Struct({
      version: Schema.optional(Schema.String),
      impersonation: Schema.Literal("unknown", "allowed", "forbidden"),
      checkedAt: Schema.optional(Schema.String),
      failure: Schema.optional(Schema.String),
    }),
  }),
  draining: Schema.Boolean,
})
export type AuthProxyStatus = typeof AuthProxyStatus.Type

/** The same of an agent. */
export const AgentStatus = Schema.Struct({
  role: Schema.Literal("tunnel"),
  version: Schema.String,
  instance: Schema.String,
  /** Where its sessions are. */
  relay: Schema.optional(Schema.String),
  sessionKey: Schema.String,
  documentSerial: Schema.Number,
  credentialsRefused: Schema.optional(Schema.String),
  sessions: Schema.Array(
    Schema.Struct({ replica: Schema.String, withPresentCredentials: Schema.optional(Schema.Boolean) }),
  ),
})
export type AgentStatus = typeof AgentStatus.Type

/** A pod as the operator sees it. */
export interface SeenPod<Status> {
  readonly name: string
  /** The kubelet says so. */
  readonly ready: boolean
  /** It is on its way out: nothing new is expected of it. */
  readonly terminating: boolean
  /** Why a container does not run, in the kubelet's words. */
  readonly trouble: string | undefined
  /** Undefined when the pod gave none. */
  readonly status: Status | undefined
}

/** Pods are near; one that hangs must not hold the pass. */
const STATUS_MILLIS = 3_000
const MAX_STATUS_BYTES = 256 * 1024

/** Asks each pod's health port. Never fails: a pod that gives no usable answer has no status. */
export const seenPods = <A, I>(
  pods: readonly KubernetesObject[],
  port: number,
  schema: Schema.Schema<A, I>,
): Effect.Effect<readonly SeenPod<A>[]> =>
  Effect.forEach(pods, (pod) => Effect.map(asked(pod, port, schema), (status) => ({ ...kubeletView(pod), status })), {
    concurrency: 8,
  })

const asked = <A, I>(
  pod: KubernetesObject,
  port: number,
  schema: Schema.Schema<A, I>,
): Effect.Effect<A | undefined> => {
  const address = (pod.status as PodStatus | undefined)?.podIP
  if (address === undefined) return Effect.succeed(undefined)
  const host = address.includes(":") ? `[${address}]` : address
  return Effect.tryPromise((signal) =>
    requestJson(`http://${host}:${port}/status`, {
      timeoutMillis: STATUS_MILLIS,
      maxBodyBytes: MAX_STATUS_BYTES,
      signal,
    }),
  ).pipe(
    Effect.map(({ status, body }) =>
      status === 200 ? Either.getOrUndefined(Schema.decodeUnknownEither(schema)(body)) : undefined,
    ),
    Effect.orElseSucceed(() => undefined),
  )
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string }
  readonly terminated?: { readonly reason?: string; readonly exitCode?: number }
}
interface PodStatus {
  readonly podIP?: string
  readonly phase?: string
  readonly conditions?: readonly {
    readonly type: string
    readonly status: string
    readonly reason?: string
    readonly message?: string
  }[]
  readonly containerStatuses?: readonly {
    readonly name: string
    readonly state?: ContainerState
    readonly lastState?: ContainerState
  }[]
}

const kubeletView = (pod: KubernetesObject) => {
  const { conditions = [], containerStatuses = [], phase } = (pod.status ?? {}) as PodStatus
  return {
    name: pod.metadata.name,
    ready: conditions.some(({ type, status }) => type === "Ready" && status === "True"),
    terminating: pod.metadata.deletionTimestamp !== undefined || phase === "Succeeded" || phase === "Failed",
    trouble: troubleOf(conditions, containerStatuses),
  }
}

/** States through which every pod goes are no trouble. */
const passing = new Set(["ContainerCreating", "PodInitializing"])
const MAX_TROUBLE_CHARACTERS = 300

const troubleOf = (
  conditions: NonNullable<PodStatus["conditions"]>,
  containers: NonNullable<PodStatus["containerStatuses"]>,
): string | undefined => {
  const unscheduled = conditions.find(({ type, status }) => type === "PodScheduled" && status === "False")
  if (unscheduled !== undefined) return bounded(unscheduled.reason, unscheduled.message)
  for (const { state, lastState } of containers) {
    const { waiting, terminated = lastState?.terminated } = state ?? {}
    if (waiting?.reason !== undefined && !passing.has(waiting.reason)) return bounded(waiting.reason, waiting.message)
    if (waiting !== undefined && terminated?.exitCode)
      return bounded(terminated.reason, `exit code ${terminated.exitCode}`)
  }
  return undefined
}

const bounded = (reason = "Unknown", message = ""): string =>
  [reason, message]
    .filter((part) => part !== "")
    .join(": ")
    .slice(0, MAX_TROUBLE_CHARACTERS)
