import { Either } from "effect"
import { requiredString } from "./compactToken.ts"
import { tokenIdExtra } from "./impersonationRoles.ts"
import type { JwtEntry } from "./JwtEntry.ts"
import {
  EmailNotVerified,
  GroupInvalid,
  GroupReserved,
  GroupsOverage,
  type MappingRefusal,
  quoted,
  TokenClaimMalformed,
  UidInvalid,
  UsernameInvalid,
  UsernameReserved,
} from "./refusals.ts"
import { reservedName, unusableName } from "./reservedNames.ts"
import { isObject, type JsonObject, ownValue } from "./strictJson.ts"

/** Who the API server is told the caller is. Every text is usable as it is, none is reserved. */
export interface Caller {
  readonly username: string
  /** In the order of the token, never joined or shortened; without `system:authenticated`, which the server adds. */
  readonly groups: readonly string[]
  readonly uid: string | undefined
  /** Extra keys (lower case, not yet percent-encoded) and their values; always with the token's id. */
  readonly extra: Readonly<Record<string, readonly string[]>>
}

/** Makes a caller of a verified token's claims, by the entry that accepted it. All groups or a refusal: dropping some could lift a rule that denies by group. */
export const callerOf = (
  entry: JwtEntry,
  token: { readonly claims: JsonObject; readonly tokenId: string },
): Either.Either<Caller, MappingRefusal> =>
  Either.gen(function* () {
    const { claims } = token
    return {
      username: yield* usernameOf(entry, claims),
      groups: yield* groupsOf(entry, claims),
      uid: yield* uidOf(entry, claims),
      extra: { [tokenIdExtra]: [token.tokenId] },
    }
  })

const usernameOf = (entry: JwtEntry, claims: JsonObject): Either.Either<string, MappingRefusal> =>
  Either.gen(function* () {
    const { claim = "", prefix = "" } = entry.claimMappings.username
    const issuerName = entry.name
    const value = yield* requiredString(claims, claim)
    if (claim === "email" && Object.hasOwn(claims, "email_verified") && claims.email_verified !== true)
      return yield* Either.left(new EmailNotVerified({ issuerName }))
    const username = `${prefix}${value}`
    const unusable = unusableName(value) ?? unusableName(username)
    if (unusable !== undefined) return yield* Either.left(new UsernameInvalid({ detail: unusable, issuerName }))
    const reserved = reservedName(username)
    if (reserved !== undefined) return yield* Either.left(new UsernameReserved({ detail: reserved, issuerName }))
    return username
  })

const groupsOf = (entry: JwtEntry, claims: JsonObject): Either.Either<readonly string[], MappingRefusal> =>
  Either.gen(function* () {
    if (entry.claimMappings.groups === undefined) return []
    const { claim = "", prefix = "" } = entry.claimMappings.groups
    const issuerName = entry.name
    if (isOverage(claims, claim)) return yield* Either.left(new GroupsOverage({ issuerName }))
    const value = ownValue(claims, claim)
    if (value === undefined) return []
    const values = typeof value === "string" ? [value] : value
    if (!Array.isArray(values) || !values.every((one) => typeof one === "string"))
      return yield* Either.left(
        new TokenClaimMalformed({ detail: `${claim} must be a string or a list of strings`, issuerName }),
      )
    const groups: string[] = []
    for (const one of values) {
      const group = `${prefix}${one}`
      const unusable = unusableName(one) ?? unusableName(group)
      if (unusable !== undefined) return yield* Either.left(new GroupInvalid({ detail: unusable, issuerName }))
      const reserved = reservedName(group)
      if (reserved !== undefined)
        return yield* Either.left(new GroupReserved({ detail: `${quoted(group)}: ${reserved}`, issuerName }))
      groups.push(group)
    }
    return groups
  })

/** Markers for "too many groups to list" (OpenID Connect Core section 5.6.2 as Entra uses it, and Entra's `hasgroups`). */
const isOverage = (claims: JsonObject, claim: string): boolean => {
  const elsewhere = ownValue(claims, "_claim_names")
  if (isObject(elsewhere) && (Object.hasOwn(elsewhere, claim) || Object.hasOwn(elsewhere, "groups"))) return true
  const marker = ownValue(claims, "hasgroups")
  return marker !== undefined && marker !== false && marker !== "false"
}

const uidOf = (entry: JwtEntry, claims: JsonObject): Either.Either<string | undefined, MappingRefusal> =>
  Either.gen(function* () {
    const claim = entry.claimMappings.uid?.claim
    if (claim === undefined) return undefined
    const uid = yield* requiredString(claims, claim)
    const detail = unusableName(uid)
    return detail === undefined ? uid : yield* Either.left(new UidInvalid({ detail, issuerName: entry.name }))
  })
