import { Schema } from "effect"
import { JwtEntry } from "../../../identity/JwtEntry.ts"
import { clusterNamePattern } from "../../../protocol/names.ts"

/** 12 h: a working day; a forgotten exec does not outlive it. */
export const defaultMaxSessionSeconds = 43_200
/** setTimeout's limit is 24.8 days; nobody needs a session of a month. */
const longestSessionSeconds = 14 * 86_400

const Text = Schema.String.pipe(Schema.minLength(1))
const Audiences = Schema.NonEmptyArray(Text).pipe(
  Schema.filter((all) => new Set(all).size === all.length || "expected each audience once"),
)
const Count = Schema.Int.pipe(Schema.between(1, 100_000))
const optional = <A, I>(schema: Schema.Schema<A, I>, byDefault: NoInfer<A>) =>
  Schema.optionalWith(schema, { default: () => byDefault })

const Impersonation = Schema.Struct({
  /** Which of the two sets of RBAC the operator binds; here only compared with what is found (`/status`). */
  mode: optional(Schema.Literal("Auto", "Constrained", "Legacy"), "Auto"),
  profile: optional(Schema.Literal("ReadWrite", "ReadOnly"), "ReadWrite"),
  /** Lets callers impersonate in turn (`kubectl --as`), as far as the API server lets them. */
  allowNested: optional(Schema.Boolean, false),
})

/** The auth proxy's configuration file, followed while it runs: `limits` wait for a new process, a file of another `clusterName` is refused. */
export const AuthProxyConfiguration = Schema.Struct({
  clusterName: Schema.String.pipe(Schema.pattern(clusterNamePattern)),
  relay: Schema.Struct({
    url: Text,
    /** All that the relay takes, its issuers' own included; a token for one of them is not accepted here. Default: `clusterconnect:` and the relay's host. */
    audiences: Schema.optional(Audiences),
  }),
  authentication: Schema.Struct({
    jwt: Schema.NonEmptyArray(JwtEntry),
    allowRelayAudience: optional(Schema.Boolean, false),
    /** Bounds upgraded connections and streaming requests. */
    maxSessionSeconds: optional(Schema.Int.pipe(Schema.between(1, longestSessionSeconds)), defaultMaxSessionSeconds),
  }),
  impersonation: Schema.optionalWith(Impersonation, {
    default: () => ({ mode: "Auto", profile: "ReadWrite", allowNested: false }) as const,
  }),
  /** Default: the API server and service account of the pod. */
  apiServer: Schema.optional(
    Schema.Struct({
      url: Schema.optional(Text),
      caFile: Schema.optional(Text),
      tokenFile: Schema.optional(Text),
    }),
  ),
  limits: Schema.optional(
    Schema.Struct({
      streamsPerCaller: Schema.optional(Count),
      streams: Schema.optional(Count),
      /** What all streams may hold in memory beyond their floor. */
      windowBytes: Schema.optional(Schema.Int.pipe(Schema.between(1_048_576, 17_179_869_184))),
    }),
  ),
})
export type AuthProxyConfiguration = typeof AuthProxyConfiguration.Type
