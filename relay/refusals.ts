import { Data } from "effect"
import type { Hop, Refusal } from "../protocol/status.ts"

/**
 * One class per cause of a refusal by the relay. `_tag` is the word in answers, audit lines, metrics and tests; `code` the HTTP
 * status. `detail` never holds a credential.
 */
const refusal = <const Tag extends string>(tag: Tag, code: number, explanation: string, hop: Hop = "relay") =>
  class extends Data.TaggedError(tag)<{ readonly detail?: string }> {
    readonly code = code
    readonly hop = hop
    constructor(about: { readonly detail?: string } = {}) {
      super(about as never)
    }
    override get message() {
      return this.detail === undefined ? explanation : `${explanation}: ${this.detail}`
    }
  }

// Requests.
export class NotFound extends refusal("NotFound", 404, "there is nothing at this path") {}
export class MethodNotAllowed extends refusal("MethodNotAllowed", 405, "this path does not take this method") {}
export class UpgradeRequired extends refusal("UpgradeRequired", 400, "this path takes only WebSocket upgrades") {}
export class UpgradeUnexpected extends refusal("UpgradeUnexpected", 400, "this path takes no upgrade") {}
export class BodyTooLarge extends refusal("BodyTooLarge", 413, "the body is too large") {}
export class BodyTooSlow extends refusal("BodyTooSlow", 400, "the body did not arrive in time") {}
export class BodyMalformed extends refusal("BodyMalformed", 400, "the body does not have the agreed shape") {}
export class SubprotocolUnknown extends refusal(
  "SubprotocolUnknown",
  400,
  "no WebSocket subprotocol of this relay was offered; client and relay differ too much in version",
) {}
export class InstanceMalformed extends refusal(
  "InstanceMalformed",
  400,
  "the header Clusterconnect-Instance is malformed",
) {}

// Callers.
export class CallerRevoked extends refusal(
  "CallerRevoked",
  403,
  "the caller was revoked at this relay; ask its administrator",
) {}
export class CallerUnknown extends refusal("CallerUnknown", 403, "no access policy of this relay admits the caller") {}
/** For an unknown cluster and for a forbidden one: the answer must not tell which. */
export class ClusterRefused extends refusal(
  "ClusterRefused",
  403,
  "there is no such cluster, or the caller may not do this with it",
) {}
export class AdminRefused extends refusal(
  "AdminRefused",
  403,
  "only a caller with role admin on all clusters (*) may do this",
) {}
export class TooManyStreamsOfCaller extends refusal(
  "TooManyStreamsOfCaller",
  429,
  "the caller has too many open streams (streamsPerCaller)",
) {}
export class TooManyStreamsOfCluster extends refusal(
  "TooManyStreamsOfCluster",
  503,
  "the cluster has too many open streams (streamsPerCluster)",
) {}

// Opening a stream.
export class NoAgent extends refusal("NoAgent", 503, "no agent of the cluster is connected to the relay", "agent") {}
export class DialUnanswered extends refusal(
  "DialUnanswered",
  503,
  "no agent of the cluster answered in time",
  "agent",
) {}
export class RelayDraining extends refusal("RelayDraining", 503, "this relay is shutting down; try again") {}
export class CarrierRevoked extends refusal(
  "CarrierRevoked",
  403,
  "the right to this stream was taken away while it was opened",
) {}
export class NoDocument extends refusal(
  "NoDocument",
  503,
  "the cluster is registered, but no agent of it has connected yet",
  "agent",
) {}

// Agents.
export class TicketRefused extends refusal(
  "TicketRefused",
  403,
  "the ticket is unknown, spent, expired or another session's",
) {}
export class TooManySessions extends refusal(
  "TooManySessions",
  503,
  "the cluster has too many control sessions (controlSessionsPerCluster)",
) {}
export class ChallengeExpired extends refusal("ChallengeExpired", 403, "the challenge was not answered in time") {}
export class ChallengeAnswerWrong extends refusal(
  "ChallengeAnswerWrong",
  403,
  "the answer to the challenge is not by the session key",
) {}
export class SessionKeyNotListed extends refusal(
  "SessionKeyNotListed",
  403,
  "the session key is not in the newest cluster document; publish the document that lists it",
) {}
export class IdentityNotRegistered extends refusal(
  "IdentityNotRegistered",
  403,
  "this identity key is not registered for the cluster; join with a token or have the key listed",
) {}
export class ClusterRevoked extends refusal(
  "ClusterRevoked",
  403,
  "the cluster was revoked at this relay; ask its administrator",
) {}
export class DocumentRefused extends refusal("DocumentRefused", 400, "the cluster document is not acceptable") {}
export class DocumentOlder extends refusal("DocumentOlder", 409, "the relay keeps a newer cluster document") {}
export class TooManyDocuments extends refusal(
  "TooManyDocuments",
  429,
  "the cluster has published too many new documents in a short time; wait half a minute for each",
) {}

export class StoreUnavailable extends refusal(
  "StoreUnavailable",
  503,
  "the relay cannot use its database; its log has the reason",
) {}

// Enrolment.
export class JoinTokenUnknown extends refusal("JoinTokenUnknown", 403, "there is no such join token") {}
export class JoinTokenExpired extends refusal(
  "JoinTokenExpired",
  403,
  "the join token has expired; have a new one made",
) {}
export class JoinTokenSpent extends refusal("JoinTokenSpent", 403, "the join token was used by another identity key") {}
export class JoinTokenForOtherCluster extends refusal(
  "JoinTokenForOtherCluster",
  403,
  "the join token is for another cluster",
) {}
export class JoinProofWrong extends refusal(
  "JoinProofWrong",
  403,
  "the proof is not by the document's identity key, for this token, cluster and relay",
) {}
export class ClusterHasIdentity extends refusal(
  "ClusterHasIdentity",
  409,
  "the cluster is registered with another identity key; a token made with --replace may replace it",
) {}
export class TooManyFailedJoins extends refusal(
  "TooManyFailedJoins",
  429,
  "too many failed joins from this address (joinFailuresPerAddress); try later",
) {}
export class OperatorCallRefused extends refusal(
  "OperatorCallRefused",
  403,
  "the nonce is unknown, used or expired, or the signature is not by a registered identity key of the cluster",
) {}

// Administration.
export class ClusterUnknown extends refusal("ClusterUnknown", 404, "there is no such cluster") {}
export class TokenUnknown extends refusal("TokenUnknown", 404, "there is no join token with this id") {}
export class KeyUnknown extends refusal(
  "KeyUnknown",
  404,
  "this key is not listed for the cluster (keys in the configuration file are changed there)",
) {}
/** A revocation under a wrong issuer would succeed and revoke nobody. */
export class IssuerNotConfigured extends refusal(
  "IssuerNotConfigured",
  400,
  "no issuer of this relay's configuration has this name or URL",
) {}
export class TooManyJoinTokens extends refusal(
  "TooManyJoinTokens",
  429,
  "too many join tokens exist; they expire within 30 minutes",
) {}
export class TooManyListedKeys extends refusal(
  "TooManyListedKeys",
  409,
  "too many keys are listed for the cluster; remove one",
) {}
export class RequestInvalid extends refusal("RequestInvalid", 400, "the request is not acceptable") {}

/** Any refusal of this file. */
export interface RelayRefusal {
  readonly _tag: string
  readonly code: number
  readonly hop: Hop
  readonly message: string
}

export const refusalOf = ({ _tag, code, hop, message }: RelayRefusal): Refusal => ({ code, hop, cause: _tag, message })
