import { ParseResult, Schema } from "effect"
import { maxDocumentBytes } from "../../protocol/document.ts"
import { isSpki, jwkOf, type Spki, spkiFromJwk } from "../../protocol/keys.ts"
import { clusterNamePattern } from "../../protocol/names.ts"

/** A public identity key: a JWK as `status.identityKey` shows it, or the base64url of its SubjectPublicKeyInfo. */
export const IdentityKey = Schema.transformOrFail(Schema.Unknown, Schema.String, {
  strict: true,
  decode: (given, _, ast) => {
    if (typeof given === "string" && isSpki(given)) return ParseResult.succeed(given)
    try {
      return ParseResult.succeed(spkiFromJwk(given) as string)
    } catch (error) {
      return ParseResult.fail(new ParseResult.Type(ast, undefined, (error as Error).message))
    }
  },
  encode: (spki) => ParseResult.succeed(jwkOf(spki as Spki)),
})

export const ClusterName = Schema.String.pipe(
  Schema.pattern(clusterNamePattern, {
    message: () => "expected a cluster name: lower-case letters, digits and inner hyphens, at most 40",
  }),
)

/** One cluster in a file of registrations and in the configuration. All of it is public. */
export const RegistrationEntry = Schema.Struct({
  name: ClusterName,
  identityKey: IdentityKey,
  /** The cluster document with the highest serial that the exporting relay knew. */
  document: Schema.optional(Schema.String.pipe(Schema.maxLength(maxDocumentBytes))),
})
export type RegistrationEntry = typeof RegistrationEntry.Type

/** What `cluster export` prints and `cluster import` and `clustersFile` read. */
export const RegistrationFile = Schema.Struct({ clusters: Schema.Array(RegistrationEntry) })
export type RegistrationFile = typeof RegistrationFile.Type
