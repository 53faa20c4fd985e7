import { Either } from "effect"
import {
  quoted,
  TokenClaimMalformed,
  TokenClaimMissing,
  TokenDuplicateKey,
  TokenMalformed,
  TokenMissing,
  TokenTooLarge,
} from "./refusals.ts"
import { JsonFaultOf, type JsonObject, ownValue, parseStrictObject } from "./strictJson.ts"

/** A group-heavy token is a few KiB; request heads are bounded by 64 KiB, and this must fit into one beside the rest. */
export const maximumTokenBytes = 16_384

/** Header and claims of a token, decoded and **not verified**. */
export interface CompactToken {
  readonly header: JsonObject
  readonly claims: JsonObject
}

export type CompactTokenRefusal = TokenMissing | TokenTooLarge | TokenMalformed | TokenDuplicateKey

/** Decodes a JWS in compact form (RFC 7515 section 7.1) without verifying anything. */
export const compactToken = (token: string): Either.Either<CompactToken, CompactTokenRefusal> =>
  Either.gen(function* () {
    if (token === "") return yield* Either.left(new TokenMissing({}))
    // A valid token is ASCII, so characters are bytes; anything else is refused below.
    if (token.length > maximumTokenBytes)
      return yield* Either.left(new TokenTooLarge({ detail: `${token.length} bytes, at most ${maximumTokenBytes}` }))
    const segments = token.split(".")
    const [header, payload] = segments
    if (segments.length !== 3 || header === undefined || payload === undefined)
      return yield* Either.left(
        new TokenMalformed({ detail: `expected 3 parts separated by dots, found ${segments.length}` }),
      )
    if (!segments.every((segment) => base64url.test(segment)))
      return yield* Either.left(new TokenMalformed({ detail: "a part is empty or not base64url" }))
    return { header: yield* decoded("header", header), claims: yield* decoded("payload", payload) }
  })

const base64url = /^[A-Za-z0-9_-]+$/

const decoded = (part: string, segment: string): Either.Either<JsonObject, TokenMalformed | TokenDuplicateKey> => {
  const value = parseStrictObject(Buffer.from(segment, "base64url"))
  if (!(value instanceof JsonFaultOf)) return Either.right(value)
  return Either.left(
    value.what.fault === "duplicate"
      ? new TokenDuplicateKey({ detail: `${quoted(value.what.key)} in the ${part}` })
      : new TokenMalformed({ detail: `the ${part} is not a JSON object` }),
  )
}

/** A claim that must be a string. An empty one counts as missing. */
export const requiredString = (
  claims: JsonObject,
  claim: string,
): Either.Either<string, TokenClaimMissing | TokenClaimMalformed> => {
  const value = ownValue(claims, claim)
  if (value === undefined || value === "") return Either.left(new TokenClaimMissing({ detail: claim }))
  return typeof value === "string"
    ? Either.right(value)
    : Either.left(new TokenClaimMalformed({ detail: `${claim} must be a string` }))
}

/** A claim that must be a NumericDate (RFC 7519 section 2): Unix seconds, fractions allowed. */
export const requiredSeconds = (
  claims: JsonObject,
  claim: string,
): Either.Either<number, TokenClaimMissing | TokenClaimMalformed> => {
  const value = ownValue(claims, claim)
  if (value === undefined || value === "") return Either.left(new TokenClaimMissing({ detail: claim }))
  return typeof value === "number" && Number.isFinite(value)
    ? Either.right(value)
    : Either.left(new TokenClaimMalformed({ detail: `${claim} must be a number of seconds` }))
}

/** The audiences of a token: `aud` is a string or an array of strings (RFC 7519 section 4.1.3). */
export const audiencesOf = (
  claims: JsonObject,
): Either.Either<readonly string[], TokenClaimMissing | TokenClaimMalformed> => {
  const value = ownValue(claims, "aud")
  if (value === undefined || value === "") return Either.left(new TokenClaimMissing({ detail: "aud" }))
  const audiences = typeof value === "string" ? [value] : value
  if (!Array.isArray(audiences) || !audiences.every((audience) => typeof audience === "string"))
    return Either.left(new TokenClaimMalformed({ detail: "aud must be a string or a list of strings" }))
  return audiences.length === 0 ? Either.left(new TokenClaimMissing({ detail: "aud" })) : Either.right(audiences)
}
