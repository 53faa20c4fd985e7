import { Schema } from "effect"
import { levels } from "../../platform/logs.ts"

const text = Schema.optionalWith(Schema.UndefinedOr(Schema.String), { default: () => undefined })
const number = Schema.optionalWith(Schema.UndefinedOr(Schema.Number), { default: () => undefined })
/** `GivenFlags` as JSON. */
const Flags = Schema.Struct({
  clusters: Schema.Array(Schema.String),
  ...{ profile: text, relay: text, tokenFrom: text, tokenCommand: text, caFile: text },
  ...{ token: text, tokenFile: text, relayTokenFile: text, relayAudience: text, audience: text },
  ...{ singleAudience: Schema.Boolean, merge: Schema.Boolean, overwriteExisting: Schema.Boolean },
  ...{ file: text, kubeContext: text, pin: text, acceptNewPin: Schema.Boolean },
  ...{ port: number, hold: number },
})

/** What a background proxy is told by whoever starts it, on its standard input: nothing of it is in an argument or a variable. */
export const HandOver = Schema.Struct({
  flags: Flags,
  /** Tokens that only the starter could read, by the path that names them. */
  tokensRead: Schema.Record({ key: Schema.String, value: Schema.String }),
  log: Schema.Struct({ path: Schema.String, level: Schema.Literal(...levels) }),
  /** Of a proxy that a kubeconfig's plugin starts. */
  entry: Schema.optional(
    Schema.Struct({
      /** What the entry says, as a hash: the plugin takes no proxy with other settings for its own. */
      hash: Schema.String,
      /** Ends by itself after so long without a connection; 0 is never. */
      idleSeconds: Schema.Number,
      /** What the proxy's environment has beside the machine's own. */
      variables: Schema.Record({ key: Schema.String, value: Schema.String }),
    }),
  ),
})
export type HandOver = typeof HandOver.Type

const Served = Schema.Struct({
  cluster: Schema.String,
  context: Schema.String,
  port: Schema.Number,
  insteadOf: Schema.optionalWith(Schema.UndefinedOr(Schema.Number), { default: () => undefined }),
})

/** What it says on its standard output, a line of JSON each; `ready` or `failed` is the last one. */
export const Report = Schema.Union(
  /** For the starter's standard output. */
  Schema.Struct({ print: Schema.String }),
  Schema.Struct({
    ready: Schema.Struct({
      pid: Schema.Number,
      relay: Schema.String,
      kubeconfig: Schema.Struct({ path: text, merged: Schema.Boolean }),
      served: Schema.Array(Served),
    }),
  }),
  Schema.Struct({ failed: Schema.Struct({ exitCode: Schema.Number, message: Schema.String }) }),
)
export type Report = typeof Report.Type
export type Ready = Extract<Report, { readonly ready: unknown }>["ready"]
