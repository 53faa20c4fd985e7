import { Either } from "effect"
import { type JoinRequest, joinProofHolds } from "../../protocol/enrolment.ts"
import {
  ClusterHasIdentity,
  ClusterRevoked,
  JoinProofWrong,
  JoinTokenExpired,
  JoinTokenForOtherCluster,
  JoinTokenSpent,
  JoinTokenUnknown,
  type RelayRefusal,
} from "../refusals.ts"
import type { Store } from "../store/Store.ts"
import type { Registry } from "./Registry.ts"

/** `joined`: the token was spent for it. `registered`: this identity was the cluster's already. */
export type Joined = "joined" | "registered"

/** Binds an identity key to a cluster's name by a join token. Nothing is spent unless the registration is made. */
export const join = (
  store: Store,
  registry: Registry,
  request: JoinRequest,
  now: Date,
): Either.Either<Joined, RelayRefusal> => {
  const { cluster, token, document: text, proof } = request
  const opened = registry.openFor(cluster, text)
  if (Either.isLeft(opened)) return Either.left(opened.left)
  const { identityKey } = opened.right
  if (!joinProofHolds(identityKey, { relayUrl: registry.publicUrl, cluster, token }, proof))
    return Either.left(new JoinProofWrong())
  const joined = store.write((): Either.Either<Joined, RelayRefusal> => {
    const same = registry.registration(cluster)?.identityKey === identityKey
    if (same && !store.clusters.isRevoked(cluster)) {
      // The answer to an earlier join may have been lost: whatever became of the token, it did what it was for.
      store.tokens.spend(token, cluster, identityKey, now)
      return Either.right("registered")
    }
    const about = store.tokens.find(token)
    if (about === undefined) return Either.left(new JoinTokenUnknown())
    if (about.cluster !== cluster) return Either.left(new JoinTokenForOtherCluster())
    if (store.clusters.isRevoked(cluster)) return Either.left(new ClusterRevoked())
    if (about.spentAt !== undefined) return Either.left(new JoinTokenSpent())
    if (registry.isTakenFrom(cluster, identityKey) && !about.replaces) return Either.left(new ClusterHasIdentity())
    if (store.tokens.spend(token, cluster, identityKey, now) === undefined) return Either.left(new JoinTokenExpired())
    registry.register(cluster, opened.right, text)
    if (about.replaces) registry.retireOthers(cluster, identityKey)
    return Either.right("joined")
  })
  if (Either.isRight(joined) && joined.right === "registered") registry.accept(cluster, text)
  return joined
}
