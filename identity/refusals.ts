import { Data } from "effect"

/** 401: this is not a valid token here. 403: a valid token that must not be used so. 503: nobody can tell at the moment. */
export type RefusalStatus = 401 | 403 | 503

/** How much of a value chosen by the sender appears in a message. */
const quotedCharacters = 200

/** A value from a token for use in a message: JSON-escaped and bounded, so that it can neither forge a log line nor flood one. */
export const quoted = (value: string): string =>
  JSON.stringify(value.length > quotedCharacters ? `${value.slice(0, quotedCharacters)}…` : value)

/**
 * One class per cause, all of this shape. `_tag` is the word for the cause in answers, logs, metrics and tests;
 * `message` is for the user and never contains the token; `issuerName` is the entry's name once the issuer is known.
 */
const refusal = <const Tag extends string>(tag: Tag, httpStatus: RefusalStatus, explanation: string) =>
  class extends Data.TaggedError(tag)<{ readonly detail?: string; readonly issuerName?: string }> {
    readonly httpStatus = httpStatus
    override get message() {
      const who = this.issuerName === undefined ? "" : ` (issuer ${quoted(this.issuerName)})`
      return this.detail === undefined ? `${explanation}${who}` : `${explanation}: ${this.detail}${who}`
    }
  }

// What can be seen without any key.
export class TokenMissing extends refusal("TokenMissing", 401, "no bearer token was sent") {}
export class TokenTooLarge extends refusal("TokenTooLarge", 401, "the bearer token is too large") {}
export class TokenMalformed extends refusal("TokenMalformed", 401, "the bearer token is not a signed JWT") {}
export class TokenDuplicateKey extends refusal("TokenDuplicateKey", 401, "the bearer token names a JSON key twice") {}
export class TokenAlgorithmRefused extends refusal(
  "TokenAlgorithmRefused",
  401,
  "the bearer token is signed with an algorithm that is not allowed for its issuer",
) {}
export class TokenCriticalHeader extends refusal(
  "TokenCriticalHeader",
  401,
  "the bearer token's header demands an extension (crit) that is not supported",
) {}
export class TokenTypeRefused extends refusal(
  "TokenTypeRefused",
  401,
  "the bearer token is of a type that is not for authentication",
) {}
export class TokenIssuerUnknown extends refusal(
  "TokenIssuerUnknown",
  401,
  "the bearer token comes from an issuer that is not configured here",
) {}
export class TokenAudienceRefused extends refusal(
  "TokenAudienceRefused",
  401,
  "the bearer token is for another audience",
) {}
export class TokenExpired extends refusal("TokenExpired", 401, "the bearer token has expired; obtain a new one") {}
export class TokenNotYetValid extends refusal(
  "TokenNotYetValid",
  401,
  "the bearer token is not valid yet; compare the clocks of the issuer and of this machine",
) {}
export class TokenClaimMissing extends refusal("TokenClaimMissing", 401, "the bearer token lacks a required claim") {}
export class TokenClaimMalformed extends refusal(
  "TokenClaimMalformed",
  401,
  "a claim of the bearer token does not have the expected form",
) {}

// What needs the issuer's keys.
export class TokenKeyUnknown extends refusal(
  "TokenKeyUnknown",
  401,
  "the bearer token is signed with a key that its issuer does not publish",
) {}
export class TokenSignatureInvalid extends refusal(
  "TokenSignatureInvalid",
  401,
  "the bearer token's signature does not verify",
) {}
export class IdentityProviderUnavailable extends refusal(
  "IdentityProviderUnavailable",
  503,
  "the identity provider's keys cannot be obtained, so the bearer token cannot be checked; try again",
) {}

// A genuine token that must not be used for this.
export class RelayAudienceRefused extends refusal(
  "RelayAudienceRefused",
  403,
  "the bearer token is also valid at the relay, which could then use it as the caller; use a token whose audience is this cluster's alone, or set authentication.allowRelayAudience",
) {}
export class ClaimRuleUnmet extends refusal(
  "ClaimRuleUnmet",
  403,
  "the bearer token does not meet a claim validation rule",
) {}

// Mapping of claims to a user.
export class GroupsOverage extends refusal(
  "GroupsOverage",
  403,
  "the identity provider left the groups out of the token because there are too many; have it send only the groups assigned to the application, or application roles",
) {}
export class EmailNotVerified extends refusal(
  "EmailNotVerified",
  403,
  "the username comes from the claim email, and the token says that this address is not verified (email_verified must be true)",
) {}
export class UsernameInvalid extends refusal("UsernameInvalid", 403, "the username cannot be used") {}
export class GroupInvalid extends refusal("GroupInvalid", 403, "a group cannot be used") {}
export class UidInvalid extends refusal("UidInvalid", 403, "the uid cannot be used") {}
export class UsernameReserved extends refusal("UsernameReserved", 403, "the username is reserved by Kubernetes") {}
export class GroupReserved extends refusal("GroupReserved", 403, "a group is reserved by Kubernetes") {}

/** Why a token was not accepted. */
export type TokenRefusal =
  | TokenMissing
  | TokenTooLarge
  | TokenMalformed
  | TokenDuplicateKey
  | TokenAlgorithmRefused
  | TokenCriticalHeader
  | TokenTypeRefused
  | TokenIssuerUnknown
  | TokenAudienceRefused
  | TokenExpired
  | TokenNotYetValid
  | TokenClaimMissing
  | TokenClaimMalformed
  | TokenKeyUnknown
  | TokenSignatureInvalid
  | IdentityProviderUnavailable
  | RelayAudienceRefused
  | ClaimRuleUnmet

/** Why the claims of an accepted token do not make a user. */
export type MappingRefusal =
  | TokenClaimMissing
  | TokenClaimMalformed
  | GroupsOverage
  | EmailNotVerified
  | UsernameInvalid
  | GroupInvalid
  | UidInvalid
  | UsernameReserved
  | GroupReserved
