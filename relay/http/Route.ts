import type { Exchange } from "./Exchange.ts"
import type { PendingUpgrade } from "./webSockets.ts"

export type Method = "GET" | "PUT" | "POST" | "DELETE"

/** Who may ask: shown in the OpenAPI document. The route itself asks. */
export type Authentication = "none" | "join-token" | "identity-key" | "caller" | "session-key" | "ticket"

/** A JSON Schema (OpenAPI 3.1 takes them as they are). */
export type JsonSchema = Readonly<Record<string, unknown>>

interface Described {
  readonly method: Method
  /** `/v1/clusters/{cluster}`: a parameter is one whole segment. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly authentication: Authentication
  /** Shape of the request's body. */
  readonly takes?: JsonSchema
  /** Shape of the success's body; absent: 204. */
  readonly gives?: JsonSchema
}

export interface Reply {
  readonly status: number
  readonly body?: unknown
}

/** One operation of the HTTP API. Refusals are thrown. */
export type Route =
  | (Described & { readonly kind: "request"; readonly answer: (exchange: Exchange) => Promise<Reply> | Reply })
  | (Described & {
      readonly kind: "upgrade"
      readonly upgrade: (exchange: Exchange, upgrade: PendingUpgrade) => Promise<void> | void
    })
