import { Either, Option } from "effect"
import { audiencesOf, type CompactTokenRefusal, compactToken } from "./compactToken.ts"
import { type JsonObject, ownValue } from "./strictJson.ts"

/** What a token says of itself. **Nothing in it is verified**: good for choosing which token to send where, never for access. */
export interface UnverifiedClaims {
  readonly issuer: string | undefined
  readonly subject: string | undefined
  /** Empty when the token has no usable `aud`. */
  readonly audiences: readonly string[]
  readonly expiresAt: Date | undefined
  readonly claims: JsonObject
}

/** Reads the claims of a JWT of one's own without verifying it. Opaque and encrypted tokens are refused: their audience cannot be known. */
export const readClaims = (token: string): Either.Either<UnverifiedClaims, CompactTokenRefusal> =>
  Either.map(compactToken(token), ({ claims }) => {
    const text = (claim: string) => {
      const value = ownValue(claims, claim)
      return typeof value === "string" && value !== "" ? value : undefined
    }
    const exp = ownValue(claims, "exp")
    return {
      issuer: text("iss"),
      subject: text("sub"),
      audiences: Option.getOrElse(Either.getRight(audiencesOf(claims)), () => []),
      expiresAt: typeof exp === "number" && Number.isFinite(exp) ? new Date(exp * 1000) : undefined,
      claims,
    }
  })
