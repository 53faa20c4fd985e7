import { Effect } from "effect"
import { errors, jwtVerify } from "jose"
import { algorithmsOf, type IssuerEntry } from "./JwtEntry.ts"
import type { KeySet } from "./keySet.ts"
import { clockToleranceSeconds } from "./precheck.ts"

export type SignatureVerdict = "valid" | "invalid" | "unknown-key"

/** Checks a token's signature, and the standard claims once more by jose, with nothing but the issuer's published keys. */
export const verifySignature = (
  token: string,
  entry: IssuerEntry,
  keys: KeySet,
  nowMillis: number,
): Effect.Effect<SignatureVerdict> => {
  const options = {
    algorithms: [...algorithmsOf(entry)],
    issuer: entry.issuer.url,
    audience: [...(entry.issuer.audiences ?? [])],
    requiredClaims: ["exp", "iat", "sub"],
    clockTolerance: clockToleranceSeconds,
    currentDate: new Date(nowMillis),
  }
  return Effect.promise(async () => {
    try {
      await jwtVerify(token, keys.resolve, options)
      return "valid"
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return "unknown-key"
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return "invalid"
      // A token without kid, or a set that uses one kid twice: any of the keys that fit may have signed it.
      for await (const key of error) {
        const verified = await jwtVerify(token, key, options).then(
          () => true,
          () => false,
        )
        if (verified) return "valid"
      }
      return "invalid"
    }
  })
}
