import { Either, Schema } from "effect"

const exact = { exact: true } as const

/** The way from the proxy to a cluster, as it is now. `idle`: no connection is open, the next request opens one. */
export const PathState = Schema.Union(
  Schema.Struct({ state: Schema.Literal("connected", "idle", "reconnecting") }),
  Schema.Struct({
    state: Schema.Literal("unreachable"),
    /** Of the last attempt: the hop that failed, our word for why, and what a person reads. */
    hop: Schema.String,
    cause: Schema.String,
    message: Schema.String,
    /** RFC 3339: when it could not be reached first. */
    since: Schema.String,
  }),
)
export type PathState = typeof PathState.Type

/** What a running proxy says about itself. Holds no credential. */
export const ProxyStatus = Schema.Struct({
  pid: Schema.Number,
  version: Schema.String,
  phase: Schema.Literal("starting", "serving", "ending"),
  background: Schema.Boolean,
  /** RFC 3339. */
  startedAt: Schema.String,
  relay: Schema.String,
  /** Absent when it went to standard output, and while the proxy starts. */
  kubeconfig: Schema.optionalWith(Schema.String, exact),
  /** Of a background proxy. */
  log: Schema.optionalWith(Schema.String, exact),
  /** Of a proxy that a kubeconfig's plugin started: what the entry says, as a hash. */
  entry: Schema.optionalWith(Schema.String, exact),
  clusters: Schema.Array(
    Schema.Struct({ cluster: Schema.String, context: Schema.String, port: Schema.Number, path: PathState }),
  ),
})
export type ProxyStatus = typeof ProxyStatus.Type

export const Ask = Schema.Union(
  Schema.Struct({ ask: Schema.Literal("status") }),
  Schema.Struct({ ask: Schema.Literal("stop") }),
  Schema.Struct({ ask: Schema.Literal("credential"), cluster: Schema.String }),
)
export type Ask = typeof Ask.Type

export const StopAnswer = Schema.Struct({ ending: Schema.Literal(true) })
export const CredentialAnswer = Schema.Struct({ credential: Schema.String })

/** Ours are below 200 bytes; whatever is longer is no question. */
export const maxAskBytes = 4_096
/** A status with a thousand clusters is well below. */
export const maxAnswerBytes = 1_048_576

const decodeAsk = Schema.decodeUnknownEither(Schema.parseJson(Ask))

/** A line as a question; undefined when it is none. */
export const askFrom = (line: string): Ask | undefined => Either.getOrUndefined(decodeAsk(line))
