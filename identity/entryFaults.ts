import { Data } from "effect"

/** One class per mistake in the configuration of identity providers. `_tag` is its name in conditions and logs; `field` its path. */
const fault = <const Tag extends string>(tag: Tag, explanation: string) =>
  class extends Data.TaggedError(tag)<{ readonly field: string; readonly detail?: string }> {
    override get message() {
      return `${this.field}: ${explanation}${this.detail === undefined ? "" : `: ${this.detail}`}`
    }
  }

export class FieldNotSupported extends fault(
  "FieldNotSupported",
  "this field is not evaluated by ClusterConnect; remove it (ignoring it could let people in)",
) {}
export class EntryNameInvalid extends fault("EntryNameInvalid", "a name is required and must be unique") {}
export class IssuerUrlInvalid extends fault(
  "IssuerUrlInvalid",
  "an https URL without user, query and fragment is required",
) {}
export class DiscoveryUrlInvalid extends fault(
  "DiscoveryUrlInvalid",
  "an https URL without user, query and fragment is required, other than issuer.url",
) {}
export class IssuerHostRefused extends fault(
  "IssuerHostRefused",
  "loopback and link-local addresses are refused unless allowLoopback is set",
) {}
export class DuplicateIssuer extends fault("DuplicateIssuer", "another entry has the same issuer.url") {}
export class AudiencesMissing extends fault(
  "AudiencesMissing",
  "at least one audience is required, none of them empty",
) {}
export class CertificateAuthorityInvalid extends fault(
  "CertificateAuthorityInvalid",
  "PEM certificates are required",
) {}
export class InlineKeysInvalid extends fault(
  "InlineKeysInvalid",
  "public RSA, EC or OKP keys of a JSON Web Key Set are required",
) {}
export class ClaimRuleIncomplete extends fault(
  "ClaimRuleIncomplete",
  "claim and a non-empty requiredValue or requiredValues are required",
) {}
export class ClaimNameMissing extends fault("ClaimNameMissing", "the name of a claim is required") {}
export class PrefixMissing extends fault(
  "PrefixMissing",
  "a non-empty prefix is required, so that nobody from this issuer has the name of somebody from elsewhere",
) {}
export class PrefixInvalid extends fault("PrefixInvalid", "this prefix cannot begin the name of a user or group") {}
export class PrefixOverlap extends fault(
  "PrefixOverlap",
  "the prefixes of two entries must differ and neither may begin with the other, else two issuers can make the same name",
) {}
export class MultiTenantIssuer extends fault(
  "MultiTenantIssuer",
  "this issuer signs tokens for anybody who has an account there; add a claimValidationRule on the owner",
) {}

export type EntryFault =
  | FieldNotSupported
  | EntryNameInvalid
  | IssuerUrlInvalid
  | DiscoveryUrlInvalid
  | IssuerHostRefused
  | DuplicateIssuer
  | AudiencesMissing
  | CertificateAuthorityInvalid
  | InlineKeysInvalid
  | ClaimRuleIncomplete
  | ClaimNameMissing
  | PrefixMissing
  | PrefixInvalid
  | PrefixOverlap
  | MultiTenantIssuer

/** The configuration of identity providers cannot be used. `faults` has every mistake, never none. */
export class EntriesRefused extends Data.TaggedError("EntriesRefused")<{ readonly faults: readonly EntryFault[] }> {
  override get message() {
    return this.faults.map((one) => one.message).join("; ")
  }
}
