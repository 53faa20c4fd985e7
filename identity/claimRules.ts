import type { ClaimValidationRule } from "./JwtEntry.ts"
import { ClaimRuleUnmet } from "./refusals.ts"
import { type JsonObject, ownValue } from "./strictJson.ts"

/** The first rule that verified claims do not meet. A claim that is absent or no string, and an `email` that is not verified, meets none. The claim's value is not shown. */
export const unmetRule = (rules: readonly ClaimValidationRule[], claims: JsonObject): ClaimRuleUnmet | undefined => {
  const unmet = rules.find(({ claim, requiredValue, requiredValues = [] }) => {
    const value = claim === undefined ? undefined : ownValue(claims, claim)
    if (typeof value !== "string" || value === "") return true
    // Anybody may have written somebody else's address into their account.
    if (claim === "email" && Object.hasOwn(claims, "email_verified") && claims.email_verified !== true) return true
    // Both given: both must hold.
    return (
      (requiredValue !== undefined && value !== requiredValue) ||
      (requiredValues.length > 0 && !requiredValues.includes(value)) ||
      (requiredValue === undefined && requiredValues.length === 0)
    )
  })
  return unmet === undefined ? undefined : new ClaimRuleUnmet({ detail: `claim ${unmet.claim ?? ""}` })
}
