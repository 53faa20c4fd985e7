import { callerHash } from "../../identity/callerHash.ts"
import type { VerifiedToken } from "../../identity/TokenVerifier.ts"
import type { Claimant } from "../policy/AccessPolicy.ts"

/** Who asks, by a verified token for this relay. */
export interface Caller extends Claimant {
  readonly hash: string
  readonly tokenId: string
}

export const callerOf = ({ issuer, subject, claims, tokenId }: VerifiedToken): Caller => ({
  issuer,
  subject,
  claims,
  tokenId,
  hash: callerHash(issuer, subject),
})
