import type { PassageRefusal } from "../upstream/refusals.ts"
import { refusal } from "./refusalClass.ts"

// The request line.
export class MalformedRequest extends refusal("MalformedRequest", 400, "the request is not well-formed HTTP/1.1") {}
export class MethodRefused extends refusal(
  "MethodRefused",
  405,
  "the method is none of GET, HEAD, POST, PUT, PATCH and DELETE",
) {}
export class HttpVersionRefused extends refusal("HttpVersionRefused", 505, "only HTTP/1.1 is spoken here") {}
export class TargetNotOriginForm extends refusal(
  "TargetNotOriginForm",
  400,
  "the request target must be a path that begins with a single slash",
) {}
export class TargetBadCharacter extends refusal(
  "TargetBadCharacter",
  400,
  "the request target has a character, or a percent-encoding, that a URL cannot have",
) {}
export class TargetBackslash extends refusal("TargetBackslash", 400, "the path contains a backslash") {}
export class TargetDotSegment extends refusal("TargetDotSegment", 400, "the path has a segment . or ..") {}
export class TargetEmptySegment extends refusal("TargetEmptySegment", 400, "the path has an empty segment") {}
export class TargetEncodedSlash extends refusal("TargetEncodedSlash", 400, "the path contains an encoded slash") {}

// Framing.
export class HostMissing extends refusal("HostMissing", 400, "the request has no Host header") {}
export class DuplicateHeader extends refusal(
  "DuplicateHeader",
  400,
  "a header that may appear only once appears more than once",
) {}
export class TransferEncodingRefused extends refusal(
  "TransferEncodingRefused",
  400,
  "the only transfer encoding accepted is chunked, without Content-Length",
) {}
export class ContentLengthRefused extends refusal("ContentLengthRefused", 400, "Content-Length is no decimal number") {}
export class UpgradeProtocolRefused extends refusal(
  "UpgradeProtocolRefused",
  400,
  "a connection can be upgraded to websocket or SPDY/3.1 only",
) {}
export class UpgradeWithBody extends refusal("UpgradeWithBody", 400, "a request with Upgrade cannot have a body") {}

export class PipeliningRefused extends refusal(
  "PipeliningRefused",
  400,
  "a second request came before the answer to the first was complete; the connection is cut",
) {}

// Headers of identity.
export class ImpersonationRefused extends refusal(
  "ImpersonationRefused",
  403,
  "impersonation (kubectl --as, --as-group, --as-uid) is not allowed here; spec.impersonation.allowNested of the cluster's ClusterConnect resource allows it",
) {}
export class ImpersonationHeaderRefused extends refusal(
  "ImpersonationHeaderRefused",
  403,
  "an impersonation header that is unknown, malformed or repeated",
) {}
export class NestedIdentityReserved extends refusal(
  "NestedIdentityReserved",
  403,
  "this identity must not be impersonated",
) {}
export class NestedForbidden extends refusal("NestedForbidden", 403, "the caller may not impersonate") {}
export class NestedCheckFailed extends refusal(
  "NestedCheckFailed",
  503,
  "the API server did not say whether the caller may impersonate",
  "api-server",
) {}

// Credentials.
export class AuthorizationNotBearer extends refusal(
  "AuthorizationNotBearer",
  401,
  "the Authorization header is not of the form: Bearer, one blank, a token",
) {}
export class TwoCredentials extends refusal(
  "TwoCredentials",
  400,
  "the request has a token in Authorization and one in Sec-WebSocket-Protocol, or two in the latter",
) {}
export class SubprotocolTokenMalformed extends refusal(
  "SubprotocolTokenMalformed",
  401,
  "the token in Sec-WebSocket-Protocol is not base64url without padding",
) {}
export class SubprotocolMissing extends refusal(
  "SubprotocolMissing",
  400,
  "Sec-WebSocket-Protocol must name a protocol beside the token",
) {}

// What the profile and the server's age forbid.
export class ReadOnlyMethod extends refusal(
  "ReadOnlyMethod",
  403,
  "this cluster is reachable read-only (spec.impersonation.profile: ReadOnly): only GET, HEAD and the self-reviews are allowed",
) {}
export class ReadOnlyUpgrade extends refusal(
  "ReadOnlyUpgrade",
  403,
  "this cluster is reachable read-only (spec.impersonation.profile: ReadOnly): only a watch may upgrade the connection",
) {}
export class ReadOnlySubresource extends refusal(
  "ReadOnlySubresource",
  403,
  "this cluster is reachable read-only (spec.impersonation.profile: ReadOnly): exec, attach, portforward and proxy are refused",
) {}
export class PathNotParsed extends refusal(
  "PathNotParsed",
  403,
  "the path cannot be parsed, so it cannot be decided whether the request is allowed",
) {}
export class SessionForbidden extends refusal(
  "SessionForbidden",
  403,
  "the caller may not create this subresource, which the API server of this version does not check for WebSocket requests",
) {}
export class SessionCheckFailed extends refusal(
  "SessionCheckFailed",
  503,
  "the API server did not say whether the caller may create this subresource",
  "api-server",
) {}

// Ours.
export class MemoryShort extends refusal(
  "MemoryShort",
  503,
  "the auth proxy has too little memory left for another request, which was not sent; try again in a moment",
) {}
export class InternalFault extends refusal(
  "InternalFault",
  500,
  "the auth proxy failed; its log has the reason under the request's audit id",
) {}
export class EmptyIdentity extends refusal(
  "EmptyIdentity",
  500,
  "the request would have reached the API server without exactly one identity",
) {}
/** Why a request was not passed on, or its answer not passed back. */
export type ExchangeRefusal =
  | PassageRefusal
  | InstanceType<
      | typeof MalformedRequest
      | typeof MethodRefused
      | typeof HttpVersionRefused
      | typeof TargetNotOriginForm
      | typeof TargetBadCharacter
      | typeof TargetBackslash
      | typeof TargetDotSegment
      | typeof TargetEmptySegment
      | typeof TargetEncodedSlash
      | typeof HostMissing
      | typeof DuplicateHeader
      | typeof TransferEncodingRefused
      | typeof ContentLengthRefused
      | typeof UpgradeProtocolRefused
      | typeof UpgradeWithBody
      | typeof PipeliningRefused
      | typeof ImpersonationRefused
      | typeof ImpersonationHeaderRefused
      | typeof NestedIdentityReserved
      | typeof NestedForbidden
      | typeof NestedCheckFailed
      | typeof AuthorizationNotBearer
      | typeof TwoCredentials
      | typeof SubprotocolTokenMalformed
      | typeof SubprotocolMissing
      | typeof ReadOnlyMethod
      | typeof ReadOnlyUpgrade
      | typeof ReadOnlySubresource
      | typeof PathNotParsed
      | typeof SessionForbidden
      | typeof SessionCheckFailed
      | typeof InternalFault
      | typeof MemoryShort
      | typeof EmptyIdentity
    >
