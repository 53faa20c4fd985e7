import type { IssuerEntry } from "../../identity/JwtEntry.ts"
import { issuerUrls } from "../policy/policyFaults.ts"
import { IssuerNotConfigured } from "../refusals.ts"
import type { Administration } from "./Administration.ts"

/** A caller as an administrator names one: the issuer by its URL or by its name in the configuration. */
export interface NamedCaller {
  readonly issuer: string
  readonly subject: string
}

/**
 * Revokes the caller under the issuer's URL, which is what tokens say: under anything else nobody would be revoked. `anyIssuer`
 * takes one that is not configured as it is written. @throws {IssuerNotConfigured}
 */
export const revokeCaller = (
  administration: Administration,
  issuers: readonly IssuerEntry[],
  { issuer, subject }: NamedCaller,
  anyIssuer: boolean,
): void => {
  const url = issuerUrls(issuers).get(issuer)
  if (url === undefined && !anyIssuer) throw notConfigured(issuer, issuers)
  administration.revokeCaller(url ?? issuer, subject)
}

/** Takes the caller out of the list, under the issuer as it is written and under its URL. @throws {IssuerNotConfigured} when neither stands there nor is configured */
export const restoreCaller = (
  administration: Administration,
  issuers: readonly IssuerEntry[],
  { issuer, subject }: NamedCaller,
): void => {
  const url = issuerUrls(issuers).get(issuer)
  const stands = administration.revokedCallers().some((one) => one.issuer === issuer && one.subject === subject)
  if (url === undefined && !stands) throw notConfigured(issuer, issuers)
  for (const written of new Set([...(stands ? [issuer] : []), ...(url === undefined ? [] : [url])]))
    administration.restoreCaller(written, subject)
}

const notConfigured = (found: string, issuers: readonly IssuerEntry[]) => {
  const configured = issuers.map(({ name, issuer }) => `${name} (${issuer.url})`).join(", ") || "(no issuers)"
  return new IssuerNotConfigured({
    detail: `found ${JSON.stringify(found)}, expected the name or URL of ${configured}`,
  })
}
