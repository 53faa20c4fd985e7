import { X509Certificate } from "node:crypto"
import { isMachineOwnHost } from "./addressRules.ts"
import {
  AudiencesMissing,
  CertificateAuthorityInvalid,
  ClaimRuleIncomplete,
  DiscoveryUrlInvalid,
  DuplicateIssuer,
  type EntryFault,
  EntryNameInvalid,
  FieldNotSupported,
  InlineKeysInvalid,
  IssuerHostRefused,
  IssuerUrlInvalid,
} from "./entryFaults.ts"
import type { IssuerEntry } from "./JwtEntry.ts"
import { keyFault } from "./keySet.ts"

/** Everything wrong with what entries say about issuers and tokens; empty when they can be used. Paths begin with `jwt[index]`. */
export const issuerFaults = (entries: readonly IssuerEntry[]): readonly EntryFault[] =>
  entries.flatMap((entry, index) => {
    const at = `jwt[${index}]`
    const earlier = entries.slice(0, index)
    return [
      ...nameFaults(entry, earlier, at),
      ...urlFaults(entry, earlier, `${at}.issuer`),
      ...trustFaults(entry, `${at}.issuer`),
      ...ruleFaults(entry, `${at}.claimValidationRules`),
    ]
  })

const nameFaults = ({ name }: IssuerEntry, earlier: readonly IssuerEntry[], at: string): EntryFault[] => [
  ...(name.trim() === "" ? [new EntryNameInvalid({ field: `${at}.name` })] : []),
  ...(earlier.some((other) => other.name === name)
    ? [new EntryNameInvalid({ field: `${at}.name`, detail: name })]
    : []),
]

const urlFaults = (entry: IssuerEntry, earlier: readonly IssuerEntry[], at: string): EntryFault[] => {
  const { url, discoveryURL } = entry.issuer
  const faults: EntryFault[] = []
  if (!isPlainHttps(url)) faults.push(new IssuerUrlInvalid({ field: `${at}.url`, detail: url }))
  if (earlier.some((other) => other.issuer.url === url))
    faults.push(new DuplicateIssuer({ field: `${at}.url`, detail: url }))
  if (discoveryURL !== undefined && (!isPlainHttps(discoveryURL) || discoveryURL === url))
    faults.push(new DiscoveryUrlInvalid({ field: `${at}.discoveryURL`, detail: discoveryURL }))
  // With inline keys nothing is dialled, and a discoveryURL is dialled in place of the url.
  const dialled = entry.issuer.jwks !== undefined ? undefined : (discoveryURL ?? url)
  if (dialled !== undefined && entry.allowLoopback !== true && isPlainHttps(dialled) && isOwnHost(dialled))
    faults.push(
      new IssuerHostRefused({ field: `${at}.${discoveryURL === undefined ? "url" : "discoveryURL"}`, detail: dialled }),
    )
  return faults
}

const isOwnHost = (url: string) => isMachineOwnHost(new URL(url).hostname)

const isPlainHttps = (text: string): boolean => {
  if (!URL.canParse(text) || /[?#\s]/.test(text)) return false
  const url = new URL(text)
  return url.protocol === "https:" && url.username === "" && url.password === ""
}

const trustFaults = ({ issuer }: IssuerEntry, at: string): EntryFault[] => {
  const faults: EntryFault[] = []
  const audiences = issuer.audiences ?? []
  if (audiences.length === 0 || audiences.includes("")) faults.push(new AudiencesMissing({ field: `${at}.audiences` }))
  if (issuer.egressSelectorType !== undefined && issuer.egressSelectorType !== "")
    faults.push(new FieldNotSupported({ field: `${at}.egressSelectorType` }))
  if (issuer.certificateAuthority !== undefined && !isCertificates(issuer.certificateAuthority))
    faults.push(new CertificateAuthorityInvalid({ field: `${at}.certificateAuthority` }))
  if (issuer.jwks !== undefined) {
    if (issuer.jwks.keys.length === 0)
      faults.push(new InlineKeysInvalid({ field: `${at}.jwks`, detail: "it has no key" }))
    issuer.jwks.keys.forEach((key, index) => {
      const detail = keyFault(key)
      if (detail !== undefined) faults.push(new InlineKeysInvalid({ field: `${at}.jwks.keys[${index}]`, detail }))
    })
  }
  return faults
}

const isCertificates = (pem: string): boolean => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    for (const block of blocks) new X509Certificate(block)
  } catch {
    return false
  }
  return blocks.length > 0
}

const ruleFaults = ({ claimValidationRules = [] }: IssuerEntry, at: string): EntryFault[] =>
  claimValidationRules.flatMap((rule, index): EntryFault[] => {
    const field = `${at}[${index}]`
    if (rule.expression !== undefined) return [new FieldNotSupported({ field: `${field}.expression` })]
    if (rule.message !== undefined) return [new FieldNotSupported({ field: `${field}.message` })]
    const values = [...(rule.requiredValue === undefined ? [] : [rule.requiredValue]), ...(rule.requiredValues ?? [])]
    const complete = rule.claim !== undefined && rule.claim !== "" && values.length > 0 && !values.includes("")
    return complete ? [] : [new ClaimRuleIncomplete({ field })]
  })
