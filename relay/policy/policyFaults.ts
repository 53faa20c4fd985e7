import type { IssuerEntry } from "../../identity/JwtEntry.ts"
import { unlimitedService } from "../../identity/multiTenantIssuers.ts"
import type { PolicyEntry } from "./PolicyEntry.ts"

/** What policy entries may call issuers. URLs come last, so that a name that looks like another issuer's URL does not take its place. */
export const issuerUrls = (issuers: readonly IssuerEntry[]): ReadonlyMap<string, string> =>
  new Map([
    ...issuers.map(({ name, issuer }) => [name, issuer.url] as const),
    ...issuers.map(({ issuer }) => [issuer.url, issuer.url] as const),
  ])

/** Entries of unknown issuers, and entries that would give their role to everybody with an account at a public service. */
export const policyFaults = (policy: readonly PolicyEntry[], issuers: readonly IssuerEntry[]): readonly string[] => {
  const urls = issuerUrls(issuers)
  return policy.flatMap((entry, index) => {
    const issuer = issuers.find(({ issuer }) => issuer.url === urls.get(entry.issuer))
    if (issuer === undefined)
      return [
        `policy.${index}.issuer: found ${JSON.stringify(entry.issuer)}, expected the name or issuer.url of one of: ${issuers.map(({ name }) => name).join(", ") || "(no issuers)"}`,
      ]
    const detail = tenantFault(entry, issuer)
    return detail === undefined ? [] : [`policy.${index}.claims: ${detail}`]
  })
}

/** A claim of the entry limits as well as a rule of its issuer does: both name exact values. */
const tenantFault = (
  { claims }: PolicyEntry,
  { issuer, claimValidationRules = [] }: IssuerEntry,
): string | undefined => {
  if (!URL.canParse(issuer.url)) return undefined
  const limits = [...claimValidationRules, ...Object.keys(claims).map((claim) => ({ claim }))]
  const found = unlimitedService(new URL(issuer.url), limits)
  return found === undefined
    ? undefined
    : `MultiTenantIssuer: ${found.service} signs tokens for anybody who has an account there; add ${found.ownerClaims.join(" or ")} here or in the issuer's claimValidationRules`
}
