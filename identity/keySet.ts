import { createLocalJWKSet, type JWK, type LocalJWKSet } from "jose"
import { isObject, type JsonObject, ownValue } from "./strictJson.ts"

/** The public keys of one issuer, ready for verifying. */
export interface KeySet {
  /** Finds the key for a protected header (jose's key resolver). */
  readonly resolve: LocalJWKSet
  /** How many keys it has. */
  readonly size: number
}

/** Key types with a private and a public half. */
const asymmetric = new Set(["RSA", "EC", "OKP"])
/** Members of private and symmetric keys (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1). */
const secretMembers = ["d", "p", "q", "dp", "dq", "qi", "k"]

/** Why a JWK is no public key for signatures, undefined when it is one. Never shows the key. */
export const keyFault = (key: JsonObject): string | undefined => {
  const kty = ownValue(key, "kty")
  if (typeof kty !== "string" || !asymmetric.has(kty)) return "its kty is not RSA, EC or OKP"
  if (secretMembers.some((member) => Object.hasOwn(key, member))) return "it contains a private key"
  return undefined
}

/**
 * Builds a key set from the answer of a `jwks_uri`; undefined when that is none (RFC 7517 section 5). Keys of other
 * kinds are left out, as that section asks. An empty set is a set: the issuer has withdrawn all its keys.
 */
export const keySetFrom = (document: JsonObject): KeySet | undefined => {
  const keys = ownValue(document, "keys")
  if (!Array.isArray(keys) || !keys.every(isObject)) return undefined
  const usable = keys.filter((key) => keyFault(key) === undefined)
  try {
    return { resolve: createLocalJWKSet({ keys: usable as unknown as JWK[] }), size: usable.length }
  } catch {
    return undefined
  }
}
