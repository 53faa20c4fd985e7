/** How a stream ended at one end. The other end's reason may differ. */
export interface StreamEnd {
  /** One of the words in core/reasons.ts, or what the peer's application gave. */
  readonly reason: string
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** For logs and metrics; carries no secret and no payload. */
export type StreamEvent =
  | { readonly type: "attached"; readonly generation: number; readonly instance: string }
  | { readonly type: "suspended" }
  | { readonly type: "resumed"; readonly generation: number; readonly suspendedMillis: number }
  | { readonly type: "drain" }
  | { readonly type: "dialFailed"; readonly generation: number; readonly message: string }
  | ({ readonly type: "ended" } & StreamEnd)

/** What an application sees on its socket when the stream was reset: never a clean end. */
export class StreamReset extends Error {
  readonly _tag = "StreamReset"
  override readonly name = "StreamReset"
  readonly reason: string

  constructor(reason: string) {
    super(`the stream was reset: ${reason}`)
    this.reason = reason
  }
}
