import { Effect } from "effect"
import { conditionReason as reason } from "../../crds/conditions.ts"
import { type Route, requestJson } from "../../platform/outbound.ts"
import { jwkOf, keyFromPem } from "../../protocol/keys.ts"
import {
  type Ask,
  join,
  publishDocument,
  type RelayRefused,
  type RelayView,
  relayView,
} from "../../protocol/relayCalls.ts"
import { type CredentialState, documentIn, identityOf } from "../credentials/CredentialState.ts"
import type { Hindrance } from "../reconcile/Found.ts"

/** The relay could not be asked, or did not do it. */
export interface RelayFailure {
  /** The relay's own word; undefined when nothing that is a relay answered. */
  readonly cause: string | undefined
  readonly message: string
}

/** What a cluster's side is to its relay: who calls, and how. */
export interface AtRelay {
  readonly state: CredentialState
  readonly route: Route
}

const subject = (state: CredentialState) => ({
  identityKey: keyFromPem(state.identityPem),
  document: documentIn(state),
  signedDocument: state.signedDocument,
})

const asked = <A>({ state, route }: AtRelay, call: (of: ReturnType<typeof subject>, ask: Ask) => Promise<A>) =>
  Effect.tryPromise({
    try: (signal) => call(subject(state), (url, request) => requestJson(url, { ...route, ...request, signal })),
    catch: (error): RelayFailure => {
      const { _tag, cause, message } = error as RelayRefused
      return { cause: _tag === "RelayRefused" && cause !== "HttpStatus" ? cause : undefined, message }
    },
  })

export const publish = (at: AtRelay): Effect.Effect<void, RelayFailure> => asked(at, publishDocument)

export const viewAt = (at: AtRelay): Effect.Effect<RelayView, RelayFailure> => asked(at, relayView)

export const joinWith = (at: AtRelay, token: string): Effect.Effect<void, RelayFailure> =>
  asked(at, (of, ask) => join(of, token, ask)).pipe(Effect.asVoid)

/** The relay does not know this identity: it was never registered, or is no more. */
export const isUnregistered = ({ cause }: RelayFailure): boolean =>
  cause === "OperatorCallRefused" || cause === "IdentityNotRegistered"

/** Causes for which another attempt with the same token gives the same answer. */
const tokenCauses: ReadonlySet<string> = new Set([
  "JoinTokenUnknown",
  "JoinTokenExpired",
  "JoinTokenSpent",
  "JoinTokenForOtherCluster",
])
/** The relay has a newer document of the same identity: our credentials came back from a backup. */
export const isBehind = ({ cause }: RelayFailure): boolean => cause === "DocumentOlder"

const identityCauses: ReadonlySet<string> = new Set(["ClusterHasIdentity", "ClusterRevoked"])

/** True when the token itself is no good, so that it is not shown to the relay again: failed joins are counted there. */
export const isTokenUseless = ({ cause }: RelayFailure): boolean => cause !== undefined && tokenCauses.has(cause)

/** The command by which an administrator of the relay lists the cluster's key: nothing in it is secret. */
const listingCommand = (state: CredentialState): string =>
  `clusterconnect-relay cluster add-key ${documentIn(state).clusterName} '${JSON.stringify(jwkOf(identityOf(state)))}'`

export const awaitingRegistration = (state: CredentialState): Hindrance => ({
  reason: reason.awaitingRegistration,
  message: `the relay does not know this cluster's identity key. Its administrator lists it there: ${listingCommand(state)}`,
})

/** What a failure at the relay means for the resource. */
export const hindranceAt = (failure: RelayFailure, state: CredentialState): Hindrance => {
  const { cause, message } = failure
  if (isTokenUseless(failure))
    return {
      reason: reason.joinTokenSpent,
      message: `${message}. Put a new token (clusterconnect-relay token create ${documentIn(state).clusterName}) into the Secret of spec.relay.joinTokenSecretRef, or list the key: ${listingCommand(state)}`,
    }
  if (cause !== undefined && identityCauses.has(cause)) return { reason: reason.registrationRefused, message }
  if (isUnregistered(failure)) return awaitingRegistration(state)
  return { reason: reason.relayUnreachable, message }
}
