import { Either } from "effect"
import type { Hello } from "../../protocol/control.ts"
import { challengeAnswerHolds } from "../../protocol/enrolment.ts"
import type { Spki } from "../../protocol/keys.ts"
import { ChallengeAnswerWrong, type RelayRefusal, SessionKeyNotListed } from "../refusals.ts"
import type { Registry } from "./Registry.ts"

/** An agent that has shown who it is. */
export interface AdmittedAgent {
  readonly cluster: string
  readonly instance: string
  readonly sessionKey: Spki
  /** Of the identity that the cluster had when it was admitted. */
  readonly identityKey: Spki
  /** Of the document that was in force when it was admitted. */
  readonly serial: number
}

/**
 * The verdict over an answer to our challenge. A newer document that comes with it is kept first; then only the newest one
 * decides: an agent that still shows an older document is admitted as long as its key is in the newest, or a rotation
 * would lock out agents whose files are late.
 */
export const admitAgent = (
  registry: Registry,
  hello: Hello,
  nonce: string,
): Either.Either<AdmittedAgent, RelayRefusal> => {
  const { cluster, instance, sessionKey, signature } = hello
  const { publicUrl: relayUrl } = registry
  if (!challengeAnswerHolds(sessionKey, { nonce, relayUrl, cluster, instance }, signature))
    return Either.left(new ChallengeAnswerWrong())
  const shown = registry.openFor(cluster, hello.document)
  if (Either.isLeft(shown)) return Either.left(shown.left)
  const accepted = registry.accept(cluster, hello.document)
  const kept = registry.registration(cluster)
  const isOlder = kept !== undefined && shown.right.serial <= kept.serial
  if (Either.isLeft(accepted) && (accepted.left._tag === "ClusterRevoked" || !isOlder))
    return Either.left(accepted.left)
  const newest = Either.isRight(accepted) ? accepted : registry.openFor(cluster, kept?.document ?? "")
  if (Either.isLeft(newest) || !newest.right.sessionKeys.includes(sessionKey))
    return Either.left(
      Either.isLeft(accepted) && accepted.left._tag === "IdentityNotRegistered"
        ? accepted.left
        : new SessionKeyNotListed(),
    )
  return Either.right({
    cluster,
    instance,
    sessionKey,
    identityKey: newest.right.identityKey,
    serial: newest.right.serial,
  })
}
