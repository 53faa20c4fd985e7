/** Times and sizes of one HTTP/1.1 port. */
export interface HttpFrontLimits {
  /** From a request's first byte to the end of its head. An idle kept connection is not a request. */
  readonly headTimeoutMillis: number
  /** Between two requests on a kept connection, and before the first. */
  readonly idleTimeoutMillis: number
  /** The same while `isAuthenticated` says no: who never said who it is may not hold a connection for nothing. */
  readonly unauthenticatedIdleMillis: number
  readonly maxHeaderBytes: number
  /**
   * While `isAuthenticated` says no: an answer must be complete, or 64 KiB more of it taken, in every such time. Who asks and
   * does not read would hold a socket for ever.
   */
  readonly unauthenticatedAnswerMillis: number
  /** Requests of one connection whose answers have not left. Bun hands out every request of one read, thousands of them. */
  readonly maxPipelined: number
}

export const HTTP_FRONT_LIMITS: HttpFrontLimits = {
  headTimeoutMillis: 10_000,
  idleTimeoutMillis: 120_000,
  unauthenticatedIdleMillis: 10_000,
  // A token with hundreds of groups is 16 KiB, and kubectl sends cookies and user agents beside it.
  maxHeaderBytes: 64 * 1024,
  unauthenticatedAnswerMillis: 30_000,
  // Neither browsers nor Go's client pipeline; who sends more without reading wants our memory.
  maxPipelined: 16,
}
