import { Either } from "effect"
import { readClaims, type UnverifiedClaims } from "../../identity/readClaims.ts"
import { NotAuthenticated } from "../failures.ts"

/**
 * The claims against what the cluster's verified document expects: an issuer that it knows, with the audience that it has for it. A
 * cluster may take more audiences than its document names: `named` is the one that the user says it takes.
 */
export const expectedByCluster = (
  token: string,
  audiences: Readonly<Record<string, string>>,
  named: string | undefined,
): Either.Either<UnverifiedClaims, NotAuthenticated> => {
  const refused = (cause: string, detail: string) =>
    Either.left(new NotAuthenticated({ hop: "auth-proxy", cause, detail }))
  return Either.flatMap(
    Either.mapLeft(
      readClaims(token),
      ({ _tag }) =>
        new NotAuthenticated({ hop: "auth-proxy", cause: "TokenUnreadable", detail: `not a JWT (${_tag})` }),
    ),
    (claims) => {
      // Without an operator a document may name none.
      if (Object.keys(audiences).length === 0) return Either.right(claims)
      const { issuer = "" } = claims
      if (!Object.hasOwn(audiences, issuer))
        return refused(
          "IssuerNotAccepted",
          `the cluster token is from ${issuer || "nobody"}, the cluster takes those of ${Object.keys(audiences).join(", ")}`,
        )
      const wanted = named ?? audiences[issuer] ?? ""
      return claims.audiences.includes(wanted)
        ? Either.right(claims)
        : refused(
            "ClusterAudienceMissing",
            `the cluster token is for ${claims.audiences.join(", ") || "nobody"}, expected ${wanted}: if the cluster takes it all the same, say so with --audience`,
          )
    },
  )
}
