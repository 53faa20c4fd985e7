import { Either } from "effect"
import type { UnverifiedClaims } from "../../identity/readClaims.ts"
import { NotAuthenticated } from "../failures.ts"
import { type ClusterAudiences, otherOwner } from "./audienceRules.ts"

export interface ClusterExpectation extends ClusterAudiences {
  /** Of the cluster's verified document: issuer to audience. */
  readonly audiences: Readonly<Record<string, string>>
  /** The audience that the user says the cluster takes. A cluster may take more than its document names. */
  readonly named: string | undefined
}

/**
 * Whether a token that was brought may go to the cluster: its issuer is one that the document knows, it is for the audience that the
 * user or the document names, and for no other cluster and not for the relay. Whoever runs the cluster wrote the document and could
 * name, to get it, another cluster's audience or none: of that only the user's word is believed.
 * @param claims of a token that has the audience which the user names, if he does
 */
export const expectedByCluster = (
  claims: UnverifiedClaims,
  expectation: ClusterExpectation,
): Either.Either<UnverifiedClaims, NotAuthenticated> => {
  const { cluster, audiences, named, ownAudience, relayAudience, singleAudience } = expectation
  const refused = (cause: string, detail: string) =>
    Either.left(new NotAuthenticated({ hop: "auth-proxy", cause, detail }))
  const { issuer = "" } = claims
  // Without an operator a document may name none: then what a cluster takes by default is all that speaks for it.
  const silent = Object.keys(audiences).length === 0
  if (!silent && !Object.hasOwn(audiences, issuer))
    return refused(
      "IssuerNotAccepted",
      `the cluster token is from ${issuer || "nobody"}, the cluster takes those of ${Object.keys(audiences).join(", ")}`,
    )
  const byDefault = singleAudience ? [ownAudience, relayAudience] : [ownAudience]
  const wanted = silent ? byDefault : [audiences[issuer] ?? ""]
  if (named === undefined && !wanted.some((audience) => claims.audiences.includes(audience)))
    return refused(
      "ClusterAudienceMissing",
      `the cluster token is for ${claims.audiences.join(", ") || "nobody"}, expected ${wanted.join(" or ")}. It was not sent to cluster ${cluster}: if the cluster takes it all the same, say so with --audience`,
    )
  const others = claims.audiences.flatMap((audience) => {
    const owner = audience === named ? undefined : otherOwner(audience, expectation)
    return owner === undefined ? [] : [`${JSON.stringify(audience)} (${owner})`]
  })
  if (others.length === 0) return Either.right(claims)
  return refused(
    "TokenOpensOthers",
    `the cluster token is also good for ${others.join(", ")}: cluster ${cluster}, which gets it, could act as you there. It was not sent: give a token for this cluster alone, or if the cluster takes that audience itself, say so with --audience`,
  )
}
