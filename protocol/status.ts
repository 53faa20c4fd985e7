/** The part of the path that failed; users read it, so it never changes for the same cause. */
export type Hop = (typeof hops)[number]
export const hops = ["proxy", "relay", "agent", "auth-proxy", "api-server", "identity-provider"] as const
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

/**
 * Paths that kubectl asks before its first real request. For a failure there it prints "unknown" or a sentence of its own in place
 * of the Status (client-go: Result.Raw), but it does print a warning.
 */
const discovery = /^\/(?:api|apis|openapi)(?:[/?]|$)/
const resources = /^\/(?:api\/[^/?]+|apis\/[^/?]+\/[^/?]+)\/[^/?]/

/** RFC 7234 section 5.5; kubectl shows code 299 only, and each text once. */
const warning = (text: string): string =>
  `299 - "${text
    .slice(0, maxWarningLength)
    .replace(/[^\x20-\x7e]/g, "?")
    .replace(/["\\]/g, "\\$&")}"`
const maxWarningLength = 1_024

/**
 * Headers and body of a refusal. Never `Retry-After` (see {@link Refusal.retryAfterSeconds}). With the `target` of a request for
 * discovery the message is a `Warning` too, because kubectl would show nothing else of it.
 */
export const refusalResponse = (
  refusal: Refusal,
  target = "",
): { readonly headers: Record<string, string>; readonly body: string } => {
  const status = statusOf(refusal)
  const body = `${JSON.stringify(status)}\n`
  return {
    headers: {
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "cache-control": "no-store",
      ...(discovery.test(target) && !resources.test(target) ? { warning: warning(status.message) } : {}),
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
