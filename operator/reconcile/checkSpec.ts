import { Either, ParseResult, Schema } from "effect"
import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import { conditionReason as reason } from "../../crds/conditions.ts"
import { JwtEntry } from "../../identity/JwtEntry.ts"
import { checkEntries, sharedAudience, withDefaultAudience } from "../../identity/mappingFaults.ts"
import { namesOf } from "../children/namesOf.ts"
import type { Hindrance } from "./Found.ts"

/** What an auth proxy would not take of this spec; undefined when it takes all. The definition cannot say it all in its rules. */
export const specFault = (spec: ClusterConnectSpec): Hindrance | undefined => {
  if (!URL.canParse(spec.relay.url))
    return {
      reason: reason.childRefused,
      message: `spec.relay.url: ${spec.relay.url} is no URL: expected https://host[:port] with a host name or address and a port up to 65535`,
    }
  const { relayAudiences, clusterAudience } = namesOf(spec)
  const decoded = decodeEntries(spec.authentication.jwt)
  if (Either.isLeft(decoded)) return invalid(ParseResult.TreeFormatter.formatErrorSync(decoded.left))
  const entries = withDefaultAudience(decoded.right, clusterAudience)
  const checked = checkEntries(entries)
  if (Either.isLeft(checked)) {
    const { faults, message } = checked.left
    return faults.every(({ _tag }) => _tag === "MultiTenantIssuer")
      ? { reason: reason.multiTenantIssuer, message: `spec.authentication: ${message}` }
      : invalid(message)
  }
  const shared = sharedAudience(entries, relayAudiences)
  if (shared !== undefined && !spec.authentication.allowRelayAudience)
    return invalid(
      `jwt ${shared.entry.name} accepts ${shared.audience}, an audience of the relay: the relay could use such a token as its user. Name another audience, or set allowRelayAudience knowingly`,
    )
  return undefined
}

const decodeEntries = Schema.decodeUnknownEither(Schema.Array(JwtEntry))
const invalid = (detail: string): Hindrance => ({
  reason: reason.authenticationInvalid,
  message: `spec.authentication: ${detail}`,
})
