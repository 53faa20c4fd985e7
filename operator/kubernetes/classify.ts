import type { FailureReason } from "./Kubernetes.ts"

/** The part of a metav1.Status that tells what went wrong. */
export interface Status {
  readonly reason?: string
  readonly message?: string
  readonly details?: { readonly name?: string }
}

/** The Status of an answer; undefined when the body is something else, as a load balancer's page. */
export const statusOf = (body: unknown): Status | undefined =>
  typeof body === "object" && body !== null && "kind" in body && body.kind === "Status" ? (body as Status) : undefined

/** The three refusals of kube-apiserver's ResourceQuota admission: too much, a request without the counted field, a quota not yet counted. */
const quotaWords = /: (exceeded quota|failed quota|status unknown for quota): /

/** What an answer of 300 or more means for the caller. */
export const failureReason = (code: number, status: Status | undefined): FailureReason => {
  if (code === 403 && quotaWords.test(status?.message ?? "")) return "QuotaExceeded"
  if (code === 401 || code === 403) return "AccessDenied"
  if (code === 404 || code === 410) return "NotFound"
  if (code === 409) return "Conflict"
  // A redirect comes from something else than an API server.
  if (code === 429 || code >= 500 || code < 400) return "Unreachable"
  return "Invalid"
}

/** True when the server says that this very object is absent, and not its resource type or its namespace. */
export const isAbsent = (code: number, status: Status | undefined, name: string): boolean =>
  code === 404 && status?.reason === "NotFound" && status.details?.name === name

/** The server's words are written into conditions and logs. */
const MAX_DETAIL_CHARACTERS = 1_000

/** The server's own words about a failure, bounded. */
export const failureDetail = (code: number, status: Status | undefined): string =>
  (status?.message || `status ${code} without a reason`).slice(0, MAX_DETAIL_CHARACTERS)
