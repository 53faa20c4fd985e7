import { Either } from "effect"
import type { UnverifiedClaims } from "../../identity/readClaims.ts"
import type { ClusterDocument } from "../../protocol/document.ts"
import { defaultClusterAudience } from "../../protocol/names.ts"
import type { NotAuthenticated } from "../failures.ts"
import type { TrustOptions } from "../trust/ClusterTrust.ts"
import type { KnownClusters } from "../trust/KnownClusters.ts"
import { mayGoToCluster, unexpired } from "./audienceRules.ts"
import { expectedByCluster } from "./expectedByCluster.ts"
import type { RelayTokenGate } from "./RelayTokenGate.ts"
import type { ClusterTokenSource } from "./TokenSource.ts"

/** With which tokens a cluster is visited. */
export interface ClusterTokens {
  readonly cluster: string
  readonly token: ClusterTokenSource
  /** What the user says that the cluster's audience is. */
  readonly audience: string | undefined
  readonly relayAudience: string
  readonly singleAudience: boolean
  readonly gate: RelayTokenGate
}

/** What a document of the cluster means for its token and the relay's, when it is trusted. */
export const documentRules = ({
  cluster,
  token,
  gate,
}: Pick<ClusterTokens, "cluster" | "token" | "gate">): Required<Pick<TrustOptions, "accept" | "onTrusted">> => ({
  accept: (document) => gate.accept(cluster, Object.values(document.audiences)),
  onTrusted: async (document) => {
    token.adopt?.(document.audiences)
    await gate.learn(cluster, Object.values(document.audiences))
  },
})

/** A cluster's token as far as it can be looked at without a document. @throws {NotAuthenticated} when it is not worth sending */
export const worthSending = (
  text: string,
  audience: string | undefined,
  nowMillis: number = Date.now(),
): UnverifiedClaims => orThrow(mayGoToCluster(text, audience, nowMillis))

const orThrow = <A>(verdict: Either.Either<A, NotAuthenticated>): A =>
  Either.getOrThrowWith(verdict, (refusal) => refusal)

/**
 * The caller's token for the cluster at every use, if it has not expired. One that was brought may be another cluster's, and this one
 * could then act as the user there: it is looked at whenever it, the document or what is remembered is another than before, because
 * its file may hold another by then, and another program may have learnt whose it is. What an issuer gave was asked for by its
 * audience. Rejects with a PathFailure.
 */
export const checkedToken = (
  { cluster, token, audience: named, relayAudience, singleAudience }: ClusterTokens,
  relay: string,
  known: Pick<KnownClusters, "audiences" | "entry">,
  document: () => ClusterDocument,
  nowMillis: () => number = Date.now,
): (() => Promise<string>) => {
  const ownAudience = defaultClusterAudience(relay, cluster)
  const entry = (other: string) => known.entry(relay, other)
  const about = { cluster, ownAudience, relayAudience, singleAudience, named, entry }
  let good: Good | undefined
  return async () => {
    const text = await token.current()
    const remembered = await known.audiences(relay)
    const now = document()
    if (good?.text === text && good.document === now && good.remembered === remembered) {
      orThrow(unexpired(good.claims, "cluster token", "auth-proxy", nowMillis()))
      return text
    }
    const claims = worthSending(text, named, nowMillis())
    if (token.adopt === undefined)
      orThrow(expectedByCluster(claims, { ...about, audiences: now.audiences, remembered }))
    good = { text, claims, document: now, remembered }
    return text
  }
}

/** A token that may go to the cluster, and by what. */
interface Good {
  readonly text: string
  readonly claims: UnverifiedClaims
  readonly document: ClusterDocument
  readonly remembered: object
}
