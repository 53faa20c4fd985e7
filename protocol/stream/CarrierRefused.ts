/** Of a {@link CarrierRefused}: the instance that holds the stream was not found. Retried for a while, because DNS lags behind. */
export const authProxyGone = "auth-proxy-gone"

/** An answer to the dialling of a carrier that is no WebSocket. */
export class CarrierRefused extends Error {
  readonly _tag = "CarrierRefused"
  override readonly name = "CarrierRefused"
  /** HTTP status. */
  readonly status: number
  /** As received; a metav1.Status when one of our hops wrote it. */
  readonly body: string
  /** Whether the same dial may succeed later. 401 and 403 are never retriable. */
  readonly retriable: boolean
  /** Our word for the refusal; the stream's end reason when it is final. */
  readonly code: string

  constructor(refusal: {
    readonly status: number
    readonly body: string
    readonly retriable: boolean
    readonly code: string
    readonly message?: string
  }) {
    super(refusal.message ?? `the carrier was refused: ${refusal.status} ${refusal.code}`)
    this.status = refusal.status
    this.body = refusal.body
    this.retriable = refusal.retriable && refusal.status !== 401 && refusal.status !== 403
    this.code = refusal.code
  }
}

/** `open` was not answered, or its carrier was lost before the answer: nothing was sent that could have run. */
export class StreamNotAccepted extends Error {
  readonly _tag = "StreamNotAccepted"
  override readonly name = "StreamNotAccepted"
  readonly reason: string

  constructor(reason: string) {
    super(`the auth proxy did not accept the stream: ${reason}`)
    this.reason = reason
  }
}
