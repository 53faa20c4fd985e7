import { Either } from "effect"
import {
  ClaimNameMissing,
  EntriesRefused,
  type EntryFault,
  FieldNotSupported,
  MultiTenantIssuer,
  PrefixInvalid,
  PrefixMissing,
  PrefixOverlap,
} from "./entryFaults.ts"
import { issuerFaults } from "./issuerFaults.ts"
import type { IssuerEntry, JwtEntry } from "./JwtEntry.ts"
import { unlimitedService } from "./multiTenantIssuers.ts"
import { reservedName, unusableName } from "./reservedNames.ts"

/** Entries without a list of audiences accept the given one (the cluster's own). */
export const withDefaultAudience = <Entry extends IssuerEntry>(
  entries: readonly Entry[],
  audience: string,
): readonly Entry[] =>
  entries.map((entry) => ({ ...entry, issuer: { ...entry.issuer, audiences: entry.issuer.audiences ?? [audience] } }))

/** The first entry that takes tokens for one of the relay's audiences, and which: the relay could use such a token as its user. */
export const sharedAudience = (
  entries: readonly IssuerEntry[],
  relayAudiences: readonly string[],
): { readonly entry: IssuerEntry; readonly audience: string } | undefined => {
  for (const entry of entries) {
    const audience = relayAudiences.find((one) => entry.issuer.audiences?.includes(one))
    if (audience !== undefined) return { entry, audience }
  }
  return undefined
}

/** Accepts entries that the auth proxy can use as they are, else says everything that is wrong with them. */
export const checkEntries = (entries: readonly JwtEntry[]): Either.Either<readonly JwtEntry[], EntriesRefused> => {
  const faults = [...issuerFaults(entries), ...mappingFaults(entries)]
  return faults.length === 0 ? Either.right(entries) : Either.left(new EntriesRefused({ faults }))
}

/** Everything wrong with how entries make users of claims; empty when they can be used. */
export const mappingFaults = (entries: readonly JwtEntry[]): readonly EntryFault[] =>
  entries.flatMap((entry, index) => {
    const at = `jwt[${index}]`
    const { username, groups } = entry.claimMappings
    const earlier = entries.slice(0, index)
    return [
      ...unsupported(entry, at),
      ...claimFaults(username, `${at}.claimMappings.username`),
      ...overlap(
        username.prefix,
        earlier.map((other) => other.claimMappings.username.prefix),
        `${at}.claimMappings.username.prefix`,
      ),
      ...(groups === undefined ? [] : claimFaults(groups, `${at}.claimMappings.groups`)),
      ...overlap(
        groups?.prefix,
        earlier.map((other) => other.claimMappings.groups?.prefix),
        `${at}.claimMappings.groups.prefix`,
      ),
      ...uidFaults(entry, `${at}.claimMappings.uid`),
      ...tenantFaults(entry, at),
    ]
  })

const unsupported = ({ claimMappings, userValidationRules = [] }: JwtEntry, at: string): EntryFault[] => [
  ...(claimMappings.extra ?? []).map(
    (_, index) => new FieldNotSupported({ field: `${at}.claimMappings.extra[${index}].valueExpression` }),
  ),
  ...userValidationRules.map((_, index) => new FieldNotSupported({ field: `${at}.userValidationRules[${index}]` })),
]

const claimFaults = (mapping: JwtEntry["claimMappings"]["username"], at: string): EntryFault[] => {
  if (mapping.expression !== undefined) return [new FieldNotSupported({ field: `${at}.expression` })]
  const faults: EntryFault[] = []
  if (mapping.claim === undefined || mapping.claim === "") faults.push(new ClaimNameMissing({ field: `${at}.claim` }))
  const { prefix = "" } = mapping
  if (prefix === "") return [...faults, new PrefixMissing({ field: `${at}.prefix` })]
  // A blank at the end of a prefix ends up inside the name, where it does no harm.
  const detail = unusableName(`${prefix}x`) ?? reservedName(prefix)
  return detail === undefined ? faults : [...faults, new PrefixInvalid({ field: `${at}.prefix`, detail })]
}

const overlap = (prefix = "", others: readonly (string | undefined)[], field: string): EntryFault[] =>
  others
    .filter((other = "") => prefix !== "" && other !== "" && (prefix.startsWith(other) || other.startsWith(prefix)))
    .map((other) => new PrefixOverlap({ field, detail: `${JSON.stringify(prefix)} and ${JSON.stringify(other)}` }))

const uidFaults = ({ claimMappings: { uid } }: JwtEntry, at: string): EntryFault[] => {
  if (uid === undefined) return []
  if (uid.expression !== undefined) return [new FieldNotSupported({ field: `${at}.expression` })]
  return uid.claim === undefined || uid.claim === "" ? [new ClaimNameMissing({ field: `${at}.claim` })] : []
}

const tenantFaults = (entry: JwtEntry, at: string): EntryFault[] => {
  if (!URL.canParse(entry.issuer.url)) return []
  const found = unlimitedService(new URL(entry.issuer.url), entry.claimValidationRules ?? [])
  if (found === undefined) return []
  const detail = `${found.service}: ${found.ownerClaims.join(" or ")}`
  return [new MultiTenantIssuer({ field: `${at}.issuer.url`, detail })]
}
