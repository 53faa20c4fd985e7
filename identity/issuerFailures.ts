import { Data } from "effect"

/** One class per way in which fetching an issuer's keys fails. `_tag` is its name in `/status`, logs and metrics. */
const failure = <const Tag extends string>(tag: Tag, explanation: string) =>
  class extends Data.TaggedError(tag)<{ readonly url: string; readonly detail?: string }> {
    override get message() {
      return `${this.url}: ${explanation}${this.detail === undefined ? "" : `: ${this.detail}`}`
    }
  }

export class IssuerUnreachable extends failure("IssuerUnreachable", "no connection") {}
export class IssuerAddressRefused extends failure(
  "IssuerAddressRefused",
  "the name leads to a loopback or link-local address, which is refused unless allowLoopback is set",
) {}
export class IssuerCertificateRefused extends failure(
  "IssuerCertificateRefused",
  "the TLS handshake failed; for a private CA set issuer.certificateAuthority",
) {}
export class IssuerTimeout extends failure("IssuerTimeout", "no complete answer in time") {}
export class IssuerRedirected extends failure(
  "IssuerRedirected",
  "the answer is a redirect, which is not followed; configure the final URL",
) {}
export class IssuerStatusUnexpected extends failure("IssuerStatusUnexpected", "the answer is not 200") {}
export class IssuerAnswerTooLarge extends failure("IssuerAnswerTooLarge", "the answer is too large") {}
export class IssuerAnswerCut extends failure("IssuerAnswerCut", "the answer ended early") {}
export class IssuerAnswerMalformed extends failure("IssuerAnswerMalformed", "the answer is not a JSON object") {}
export class DiscoveryIssuerMismatch extends failure(
  "DiscoveryIssuerMismatch",
  "the discovery document names another issuer than issuer.url",
) {}
export class JwksUriRefused extends failure(
  "JwksUriRefused",
  "the discovery document's jwks_uri is no https URL without user and fragment",
) {}
export class JwksMalformed extends failure("JwksMalformed", "the answer is not a JSON Web Key Set") {}

export type IssuerFailure =
  | IssuerUnreachable
  | IssuerAddressRefused
  | IssuerCertificateRefused
  | IssuerTimeout
  | IssuerRedirected
  | IssuerStatusUnexpected
  | IssuerAnswerTooLarge
  | IssuerAnswerCut
  | IssuerAnswerMalformed
  | DiscoveryIssuerMismatch
  | JwksUriRefused
  | JwksMalformed
