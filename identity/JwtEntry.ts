import { Schema } from "effect"

/**
 * One identity provider, in the shape of Kubernetes' structured authentication (apiserver.config.k8s.io/v1
 * JWTAuthenticator). Every field of it is declared here, also those that are not evaluated: {@link checkEntries}
 * refuses these by name, where an undeclared field would be dropped and let people in.
 */

/** Signature algorithms that may be configured. None with a shared secret: the issuer's public key would be the secret. */
export const SignatureAlgorithm = Schema.Literal("RS256", "ES256", "ES384", "PS256", "EdDSA")
export type SignatureAlgorithm = typeof SignatureAlgorithm.Type

const KeySet = Schema.Struct({
  keys: Schema.Array(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
})

/** An issuer's keys (RFC 7517 section 5), as JSON text or as the object itself. */
export const InlineKeySet = Schema.Union(KeySet, Schema.parseJson(KeySet))

const Issuer = Schema.Struct({
  /** Compared with the token's `iss` character by character; `/.well-known/openid-configuration` is read below it. */
  url: Schema.String,
  /** Where discovery is read instead, complete; the document must still name `url` as the issuer. */
  discoveryURL: Schema.optional(Schema.String),
  /** PEM roots to trust for this issuer, in place of the system's. */
  certificateAuthority: Schema.optional(Schema.String),
  /** A token is accepted when its `aud` contains one of these. */
  audiences: Schema.optional(Schema.Array(Schema.String)),
  audienceMatchPolicy: Schema.optional(Schema.Literal("", "MatchAny")),
  egressSelectorType: Schema.optional(Schema.String),
  /** Ours: the keys themselves, for networks from which the issuer cannot be reached. Nothing is fetched then. */
  jwks: Schema.optional(InlineKeySet),
})

const PrefixedClaim = Schema.Struct({
  claim: Schema.optional(Schema.String),
  prefix: Schema.optional(Schema.String),
  expression: Schema.optional(Schema.String),
})

const ClaimMappings = Schema.Struct({
  username: PrefixedClaim,
  groups: Schema.optional(PrefixedClaim),
  uid: Schema.optional(
    Schema.Struct({ claim: Schema.optional(Schema.String), expression: Schema.optional(Schema.String) }),
  ),
  extra: Schema.optional(
    Schema.Array(Schema.Struct({ key: Schema.String, valueExpression: Schema.optional(Schema.String) })),
  ),
})

const ClaimValidationRule = Schema.Struct({
  claim: Schema.optional(Schema.String),
  requiredValue: Schema.optional(Schema.String),
  /** Ours: the claim must have one of these values. */
  requiredValues: Schema.optional(Schema.Array(Schema.String)),
  expression: Schema.optional(Schema.String),
  message: Schema.optional(Schema.String),
})
export type ClaimValidationRule = typeof ClaimValidationRule.Type

const UserValidationRule = Schema.Struct({ expression: Schema.String, message: Schema.optional(Schema.String) })

/** An identity provider whose tokens are verified; who the claims make is left to the reader of the result (the relay). */
export const IssuerEntry = Schema.Struct({
  /** Short name for logs, metrics and status; unique. */
  name: Schema.String,
  issuer: Issuer,
  claimValidationRules: Schema.optional(Schema.Array(ClaimValidationRule)),
  algorithms: Schema.optional(Schema.NonEmptyArray(SignatureAlgorithm)),
  /** Ours, for tests and development: lets the issuer have a loopback or link-local address. */
  allowLoopback: Schema.optional(Schema.Boolean),
})
export type IssuerEntry = typeof IssuerEntry.Type

/** An identity provider whose tokens become users of a cluster (the auth proxy). */
export const JwtEntry = Schema.Struct({
  ...IssuerEntry.fields,
  claimMappings: ClaimMappings,
  userValidationRules: Schema.optional(Schema.Array(UserValidationRule)),
})
export type JwtEntry = typeof JwtEntry.Type

/** RS256 is the one algorithm every OpenID provider has (OpenID Connect Core section 15.1). */
export const algorithmsOf = (entry: IssuerEntry): readonly SignatureAlgorithm[] => entry.algorithms ?? ["RS256"]
