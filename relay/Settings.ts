import { Either } from "effect"
import type { IssuerEntry } from "../identity/JwtEntry.ts"
import { ConfigurationInvalid } from "../platform/configuration.ts"
import { identityFollows, openDocument } from "../protocol/document.ts"
import { defaultRelayAudience } from "../protocol/names.ts"
import { addressMatcher } from "./configuration/addressRange.ts"
import { defaultLimits, type RelayLimits } from "./configuration/limits.ts"
import { plainTextFault, type RelayConfiguration } from "./configuration/RelayConfiguration.ts"
import { AccessPolicy } from "./policy/AccessPolicy.ts"
import { issuerUrls, policyFaults } from "./policy/policyFaults.ts"
import type { RegistrationEntry } from "./store/RegistrationEntry.ts"

/** What follows from the configuration and may change while the relay runs. */
export interface Settings {
  readonly policy: AccessPolicy
  /** With the relay's audience where an entry names none. */
  readonly issuers: readonly IssuerEntry[]
  readonly clusters: readonly RegistrationEntry[]
  readonly isTrustedProxy: (address: string) => boolean
  readonly downloadDirectory: string | undefined
  readonly limits: RelayLimits
}

/** What the schema cannot see: keys and names that refer to each other, and documents that must be genuine. */
export const settingsOf = (
  configuration: RelayConfiguration,
  listed: readonly RegistrationEntry[],
  source: string,
): Either.Either<Settings, ConfigurationInvalid> => {
  const clusters = [...configuration.clusters, ...listed]
  const audience = configuration.audience ?? defaultRelayAudience(configuration.publicUrl)
  const plainText = plainTextFault(configuration)
  const problems = [
    ...(plainText === undefined ? [] : [plainText]),
    ...policyFaults(configuration.policy, configuration.issuers),
    ...clusters.flatMap((entry) => registrationFaults(entry, configuration.publicUrl)),
  ]
  if (problems.length > 0) return Either.left(new ConfigurationInvalid({ source, problems }))
  return Either.right({
    policy: new AccessPolicy(configuration.policy, issuerUrls(configuration.issuers)),
    issuers: configuration.issuers.map((entry) => ({
      ...entry,
      issuer: { ...entry.issuer, audiences: entry.issuer.audiences ?? [audience] },
    })),
    clusters,
    isTrustedProxy: addressMatcher(configuration.trustedProxies),
    downloadDirectory: configuration.downloadDirectory,
    limits: { ...defaultLimits, ...definedLimits(configuration.limits) },
  })
}

/** What is wrong with a registration that comes from a file; none means that it may be believed. */
export const registrationFaults = (
  { name, identityKey, document }: RegistrationEntry,
  publicUrl: string,
): readonly string[] => {
  if (document === undefined) return []
  const opened = openDocument(document)
  if (Either.isLeft(opened)) return [`cluster ${name}: ${opened.left.message}`]
  const { clusterName, relayUrl } = opened.right
  if (clusterName !== name) return [`cluster ${name}: its document is for cluster ${clusterName}`]
  if (relayUrl !== publicUrl)
    return [`cluster ${name}: its document is for relay ${relayUrl}, and this one is ${publicUrl}`]
  if (!identityFollows(opened.right, (key) => key === identityKey))
    return [`cluster ${name}: its document is by another identity key`]
  return []
}

const definedLimits = (limits: RelayConfiguration["limits"]): Partial<RelayLimits> =>
  Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
