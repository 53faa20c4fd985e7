import { refusalResponse } from "../../protocol/status.ts"
import { authProxyGone, CarrierRefused } from "../../protocol/stream/CarrierRefused.ts"
import { NotAuthenticated, PathBroken, type PathFailure, RefusedByPolicy, refusalOf } from "../failures.ts"

/** Why a stream ended for good, in words that the stream driver carries to its end. */
export const endReason = {
  relayTokenExpired: "relay-token-expired",
  notAuthenticated: "not-authenticated",
  revoked: "revoked",
} as const

/**
 * A failed dial in the form that the stream driver asks for: it ends the stream on what is final and dials again on the rest. That no
 * token could be had is no refusal: the stream waits for one as it does for a broken path.
 */
export const carrierRefusal = (failure: PathFailure): CarrierRefused => {
  const retriable = isRetriable(failure)
  const refusal = { ...refusalOf(failure), ...(retriable ? { code: 503 } : {}) }
  return new CarrierRefused({
    status: refusal.code,
    body: refusalResponse(refusal).body,
    retriable,
    code: codeOf(failure),
    message: failure.message,
  })
}

const isRetriable = (failure: PathFailure): boolean =>
  failure instanceof PathBroken || (failure instanceof NotAuthenticated && failure.notAsked === true)

const codeOf = (failure: PathFailure): string => {
  if (failure instanceof NotAuthenticated && failure.notAsked === true) return "no-token"
  if (failure instanceof NotAuthenticated)
    return failure.cause === "TokenExpired" ? endReason.relayTokenExpired : endReason.notAuthenticated
  if (failure instanceof RefusedByPolicy) return endReason.revoked
  // The agent's word for an instance that is not among the auth proxies.
  return failure.cause === "instance" ? authProxyGone : "path-broken"
}

/** What a stream's end means for requests on it; undefined when the path may be whole again on another stream. */
export const failureOfStreamEnd = (reason: string): PathFailure | undefined => {
  if (reason === endReason.revoked)
    return new RefusedByPolicy({
      hop: "relay",
      cause: "Revoked",
      detail: "your access was revoked at the relay, or its policy no longer admits you: ask its administrator",
    })
  if (reason === endReason.relayTokenExpired)
    return new NotAuthenticated({
      hop: "relay",
      cause: "TokenExpired",
      detail: "the relay token expired: get a new one",
    })
  if (reason === endReason.notAuthenticated)
    return new NotAuthenticated({
      hop: "relay",
      cause: "NotAuthenticated",
      detail: "the relay no longer accepts the relay token: get a new one",
    })
  return undefined
}
