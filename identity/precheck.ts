import { Either } from "effect"
import { audiencesOf, type CompactToken, requiredSeconds, requiredString } from "./compactToken.ts"
import { algorithmsOf, type IssuerEntry, type JwtEntry } from "./JwtEntry.ts"
import {
  quoted,
  TokenAlgorithmRefused,
  TokenAudienceRefused,
  TokenClaimMalformed,
  TokenCriticalHeader,
  TokenExpired,
  TokenIssuerUnknown,
  TokenMalformed,
  TokenNotYetValid,
  type TokenRefusal,
  TokenTypeRefused,
} from "./refusals.ts"
import { ownValue } from "./strictJson.ts"

/** How far the issuer's clock and ours may differ. */
export const clockToleranceSeconds = 30

/** The last time a Date can hold; a token may claim to be valid beyond it. */
const lastDateMillis = 8.64e15

/** Media types of tokens that authenticate a bearer; others (logout tokens, DPoP proofs, …) are signed with the same keys (RFC 8725 section 3.11). */
const bearerTypes = new Set(["jwt", "at+jwt", "jose"])

/** The standard claims of a token that passed, still unverified. */
export interface TokenFacts {
  readonly issuer: string
  readonly subject: string
  readonly audiences: readonly string[]
  readonly expiresAtMillis: number
}

/** The claim that must be there because the username is made of it. */
const usernameClaim = (entry: IssuerEntry | JwtEntry): string =>
  "claimMappings" in entry ? (entry.claimMappings.username.claim ?? "sub") : "sub"

/** What is configured for a token's issuer, by its unverified `iss`. Exactly equal, so a trailing slash makes another issuer. */
export const sourceFor = <Source>(
  token: CompactToken,
  sources: ReadonlyMap<string, Source>,
): Either.Either<Source, TokenRefusal> =>
  Either.gen(function* () {
    const issuer = yield* requiredString(token.claims, "iss")
    return sources.get(issuer) ?? (yield* Either.left(new TokenIssuerUnknown({ detail: quoted(issuer) })))
  })

/**
 * Everything that can be refused without a key, so that nonsense costs neither a signature check nor a request to the
 * issuer. What passes is still unverified. Members of the header that name keys (jku, jwk, x5u, x5c) are never looked at.
 */
export const precheck = (
  { header, claims }: CompactToken,
  entry: IssuerEntry | JwtEntry,
  nowMillis: number,
): Either.Either<TokenFacts, TokenRefusal> =>
  Either.gen(function* () {
    const issuerName = entry.name
    if (Object.hasOwn(header, "crit")) return yield* Either.left(new TokenCriticalHeader({ issuerName }))
    const kid = ownValue(header, "kid")
    if (kid !== undefined && typeof kid !== "string")
      return yield* Either.left(new TokenMalformed({ detail: "kid is no string", issuerName }))
    const type = ownValue(header, "typ")
    if (type !== undefined && !isBearerType(type))
      return yield* Either.left(new TokenTypeRefused({ detail: quoted(String(type)), issuerName }))
    const allowed: readonly string[] = algorithmsOf(entry)
    const algorithm = ownValue(header, "alg")
    if (typeof algorithm !== "string" || !allowed.includes(algorithm))
      return yield* Either.left(
        new TokenAlgorithmRefused({
          detail: `${quoted(String(algorithm))}, allowed: ${allowed.join(", ")}`,
          issuerName,
        }),
      )
    const audiences = yield* audiencesOf(claims)
    const accepted = entry.issuer.audiences ?? []
    if (!audiences.some((audience) => audience !== "" && accepted.includes(audience)))
      return yield* Either.left(
        new TokenAudienceRefused({
          detail: `it is for ${quoted(audiences.join(", "))}, expected ${accepted.map(quoted).join(" or ")}`,
          issuerName,
        }),
      )
    const nowSeconds = nowMillis / 1000
    const expiry = yield* requiredSeconds(claims, "exp")
    if (expiry <= nowSeconds - clockToleranceSeconds)
      return yield* Either.left(new TokenExpired({ detail: `it expired at ${isoTime(expiry)}`, issuerName }))
    yield* requiredSeconds(claims, "iat")
    const notBefore = ownValue(claims, "nbf")
    if (notBefore !== undefined && !(typeof notBefore === "number" && Number.isFinite(notBefore)))
      return yield* Either.left(new TokenClaimMalformed({ detail: "nbf must be a number of seconds", issuerName }))
    if (notBefore !== undefined && notBefore > nowSeconds + clockToleranceSeconds)
      return yield* Either.left(new TokenNotYetValid({ detail: `valid from ${isoTime(notBefore)}`, issuerName }))
    const subject = yield* requiredString(claims, "sub")
    yield* requiredString(claims, usernameClaim(entry))
    return { issuer: entry.issuer.url, subject, audiences, expiresAtMillis: Math.min(expiry * 1000, lastDateMillis) }
  })

const isBearerType = (type: unknown): boolean =>
  typeof type === "string" && bearerTypes.has(type.toLowerCase().replace(/^application\//, ""))

const isoTime = (seconds: number): string => {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString()
}
