import { clusterNamePattern } from "../../protocol/names.ts"
import type { PolicyEntry, Role } from "./PolicyEntry.ts"

/** What the policy decides by: a verified token's issuer and claims. */
export interface Claimant {
  readonly issuer: string
  readonly subject: string
  readonly claims: Readonly<Record<string, unknown>>
}

interface Rule {
  readonly issuer: string
  readonly claims: readonly (readonly [string, ReadonlySet<string>])[]
  readonly clusters: readonly ((name: string) => boolean)[]
  readonly everyCluster: boolean
  readonly role: Role
}

/** Who may do what. Decides by nothing but its entries, and says no unless one says yes. */
export class AccessPolicy {
  readonly #rules: readonly Rule[]

  /** `issuerUrls` maps the names of configured issuers to their URLs; an entry of another issuer matches nobody. */
  constructor(entries: readonly PolicyEntry[], issuerUrls: ReadonlyMap<string, string>) {
    this.#rules = entries.map((entry) => ({
      issuer: issuerUrls.get(entry.issuer) ?? entry.issuer,
      claims: Object.entries(entry.claims).map(([name, values]) => [name, new Set<string>(values)] as const),
      clusters: entry.clusters.map(clusterMatcher),
      everyCluster: entry.clusters.includes("*"),
      role: entry.role,
    }))
  }

  /** What is no name of a cluster is nobody's, whatever the patterns say. */
  allows(caller: Claimant, cluster: string, role: Role): boolean {
    if (!clusterNamePattern.test(cluster)) return false
    // Without an early end, so that the time taken does not tell which rule matched.
    let allowed = false
    for (const rule of this.#rules)
      if (includes(rule.role, role) && matches(rule, caller) && rule.clusters.some((matches) => matches(cluster)))
        allowed = true
    return allowed
  }

  /** For what concerns all clusters, as the revocation of a caller: only an entry for `*` gives it. */
  allowsEverywhere(caller: Claimant, role: Role): boolean {
    return this.#rules.some((rule) => rule.everyCluster && includes(rule.role, role) && matches(rule, caller))
  }

  /** Whether any entry gives the caller anything: who has nothing learns nothing. */
  knows(caller: Claimant): boolean {
    return this.#rules.some((rule) => matches(rule, caller))
  }
}

const includes = (held: Role, wanted: Role): boolean => held === wanted || held === "admin"

const matches = (rule: Rule, { issuer, claims }: Claimant): boolean =>
  rule.issuer === issuer &&
  rule.claims.every(([name, values]) => isVouchedFor(name, claims) && hasOne(ownValue(claims, name), values))

/** Anybody may have written somebody else's address into their account. */
const isVouchedFor = (name: string, claims: Claimant["claims"]): boolean =>
  name !== "email" || !Object.hasOwn(claims, "email_verified") || claims.email_verified === true

const ownValue = (claims: Claimant["claims"], name: string): unknown =>
  Object.hasOwn(claims, name) ? claims[name] : undefined

/** Only strings are compared: a number or an object never equals what the file says. */
const hasOne = (value: unknown, values: ReadonlySet<string>): boolean =>
  typeof value === "string"
    ? values.has(value)
    : Array.isArray(value) && value.some((one) => typeof one === "string" && values.has(one))

/** Not a regular expression: several stars in one make it try every way to share a name among them. */
const clusterMatcher = (pattern: string): ((name: string) => boolean) => {
  const [first = "", ...rest] = pattern.split(/\*+/)
  const last = rest.pop()
  if (last === undefined) return (name) => name === first
  return (name) => {
    if (!name.startsWith(first)) return false
    let at = first.length
    for (const part of rest) {
      const found = name.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return name.length - last.length >= at && name.endsWith(last)
  }
}
