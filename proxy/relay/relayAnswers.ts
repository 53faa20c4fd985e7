import { Either, Schema } from "effect"
import { clusterNamePattern } from "../../protocol/names.ts"
import { PathBroken } from "../failures.ts"

/** What the relay's HTTP API answers, as far as this program uses it. Unknown fields are a newer relay's. */
const ClusterName = Schema.String.pipe(Schema.pattern(clusterNamePattern))
export const ClusterList = Schema.Struct({
  clusters: Schema.Array(
    Schema.Struct({
      clusterName: ClusterName,
      agentSessions: Schema.Number.pipe(Schema.int(), Schema.nonNegative()),
    }),
  ),
})
/** One word: it is written where a program takes it from. */
const Token = Schema.String.pipe(Schema.pattern(/^[!-~]{1,1024}$/))
export const NewJoinToken = Schema.Struct({ token: Token, expiresAt: Schema.String })
const abouts = Schema.Array(Schema.Struct({ name: Schema.String, reason: Schema.String }))
export const Imported = Schema.Struct({
  added: Schema.Array(Schema.String),
  updated: Schema.Array(Schema.String),
  unchanged: Schema.Array(Schema.String),
  refused: abouts,
  /** Added without the document of the file, which is for another relay's URL. Earlier relays refuse such an entry. */
  withoutDocument: Schema.optionalWith(abouts, { default: () => [] }),
})

/** @throws {PathBroken} when the answer is not of this shape */
export const decodedAnswer = <A, I>(relay: string, schema: Schema.Schema<A, I>, answer: unknown): A =>
  Either.getOrThrowWith(
    Schema.decodeUnknownEither(schema)(answer),
    () =>
      new PathBroken({
        hop: "relay",
        cause: "UnexpectedAnswer",
        detail: `${relay} answered in another form than a relay's: is that the relay's URL, and is this program of about its version?`,
      }),
  )
