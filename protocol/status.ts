/** The part of the path that failed; users read it, so it never changes for the same cause. */
export type Hop = (typeof hops)[number]
const hops = ["proxy", "relay", "agent", "auth-proxy", "api-server", "identity-provider"] as const
const isHop = (text: unknown): text is Hop => hops.some((hop) => hop === text)

/** Reasons of metav1.Status that client-go acts upon, by HTTP status. */
const reasonOf: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  410: "Gone",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  429: "TooManyRequests",
  431: "RequestEntityTooLarge",
  500: "InternalError",
  502: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
}

/** A metav1.Status as kubectl prints it. `details.causes` names the hop and our own word for the refusal. */
export interface Status {
  readonly kind: "Status"
  readonly apiVersion: "v1"
  readonly metadata: Record<string, never>
  readonly status: "Failure"
  readonly message: string
  readonly reason: string
  readonly code: number
  readonly details: {
    readonly causes: readonly { readonly reason: string; readonly message: string }[]
    readonly retryAfterSeconds?: number
  }
}

export interface Refusal {
  /** HTTP status. */
  readonly code: number
  readonly hop: Hop
  /** Our own word for the refusal, in CamelCase or kebab-case as documented; the same in logs, metrics and tests. */
  readonly cause: string
  /** What was found, what was expected, what the user can do. Never holds a credential. */
  readonly message: string
  /** Put in the body only: a Retry-After header makes client-go repeat any verb. */
  readonly retryAfterSeconds?: number
}

export const statusOf = ({ code, hop, cause, message, retryAfterSeconds }: Refusal): Status => ({
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Failure",
  message: `clusterconnect ${hop}: ${message}`,
  reason: reasonOf[code] ?? (code >= 500 ? "InternalError" : "BadRequest"),
  code,
  details: {
    causes: [
      { reason: "ClusterConnectHop", message: hop },
      { reason: "ClusterConnectCause", message: cause },
    ],
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  },
})

/** Headers and body of a refusal. Never `Retry-After` (see {@link Refusal.retryAfterSeconds}). */
export const refusalResponse = (
  refusal: Refusal,
): { readonly headers: Record<string, string>; readonly body: string } => {
  const body = `${JSON.stringify(statusOf(refusal))}\n`
  return {
    headers: {
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "cache-control": "no-store",
      ...(refusal.code === 401 ? { "www-authenticate": "Bearer" } : {}),
    },
    body,
  }
}

/** Reads hop, cause and message back from a body of ours; undefined when it is somebody else's answer. */
export const refusalFrom = (code: number, body: string): Refusal | undefined => {
  try {
    const status = JSON.parse(body) as Partial<Status>
    const causes = status.details?.causes ?? []
    const hop = causes.find((cause) => cause.reason === "ClusterConnectHop")?.message
    const cause = causes.find((cause) => cause.reason === "ClusterConnectCause")?.message
    if (status.kind !== "Status" || !isHop(hop) || typeof cause !== "string" || typeof status.message !== "string")
      return undefined
    const retryAfterSeconds = status.details?.retryAfterSeconds
    return {
      code,
      hop,
      cause,
      message: status.message.replace(`clusterconnect ${hop}: `, ""),
      ...(typeof retryAfterSeconds === "number" ? { retryAfterSeconds } : {}),
    }
  } catch {
    return undefined
  }
}
