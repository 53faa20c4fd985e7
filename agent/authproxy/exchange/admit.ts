import { Effect } from "effect"
import { type Caller, callerOf } from "../../../identity/claimMapping.ts"
import type { MappingRefusal, TokenRefusal } from "../../../identity/refusals.ts"
import type { VerifiedToken } from "../../../identity/TokenVerifier.ts"
import { withoutImpersonation } from "./clientHeaders.ts"
import { credential } from "./credential.ts"
import { type Framing, framing } from "./framing.ts"
import type { Incoming } from "./Incoming.ts"
import { nestedCaller } from "./nestedCaller.ts"
import type { Policy } from "./Policy.ts"
import { readOnly } from "./readOnly.ts"
import type { ExchangeRefusal } from "./refusals.ts"
import { sessionCheck } from "./sessionCheck.ts"
import { requestLine } from "./target.ts"

/** A request that may go to the API server, and as whom. */
export interface Admitted extends Framing {
  readonly incoming: Incoming
  /** Whom to impersonate. */
  readonly caller: Caller
  /** WebSocket subprotocols to offer, without the one that carried a token. */
  readonly subprotocols: readonly string[]
}

export type AdmissionRefusal = ExchangeRefusal | TokenRefusal | MappingRefusal

/** Told as soon as it is known, so that a refusal further on is accounted to the right caller. */
export interface Witness {
  readonly verified: (token: VerifiedToken) => void
  readonly identified: (caller: Caller) => void
}

/**
 * Every request, plain or upgrade, goes through these passes in this order; the first that refuses ends it, and nothing has
 * been sent to the API server by then but the questions of the last two, which are asked as the caller.
 */
export const admit = (
  incoming: Incoming,
  policy: Policy,
  witness: Witness,
): Effect.Effect<Admitted, AdmissionRefusal> =>
  Effect.gen(function* () {
    yield* requestLine(incoming)
    const { upgrade, body } = yield* framing(incoming)
    if (!policy.allowNested) yield* withoutImpersonation(incoming)
    const { token, subprotocols } = yield* credential(incoming, upgrade)
    const verified = yield* policy.verifier.verify(token)
    witness.verified(verified)
    const entry = policy.entries.get(verified.issuerName)
    if (entry === undefined) return yield* Effect.dieMessage("a token of an issuer without an entry")
    const own = yield* callerOf(entry, verified)
    witness.identified(own)
    const { method, target } = incoming
    if (policy.profile === "ReadOnly") yield* readOnly({ method, target, upgrade })
    const caller = policy.allowNested ? yield* nestedCaller(incoming, own, policy.apiServer) : own
    yield* sessionCheck({ method, target, upgrade }, caller, policy.apiServer, policy.serverChecksSessions())
    return { incoming, upgrade, body, caller, subprotocols }
  })
