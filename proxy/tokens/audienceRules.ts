import { Either } from "effect"
import { readClaims, type UnverifiedClaims } from "../../identity/readClaims.ts"
import { NotAuthenticated } from "../failures.ts"

/** What the user's own settings, memory and (after the first document) the cluster say about audiences. Never the relay. */
export interface KnownAudiences {
  readonly relay: string
  /** `clusterconnect:<relay host>`: what clusters take unless somebody says otherwise begins with it. */
  readonly defaultRelay: string
  /** Every audience that some cluster is known to take. */
  readonly clusters: readonly string[]
  /** One token for both was explicitly allowed. */
  readonly single: boolean
}

/** Clocks of laptops are off by some seconds; the hops themselves allow the same. */
const clockToleranceMillis = 30_000

const refused = (hop: "relay" | "auth-proxy", cause: string, detail: string) =>
  Either.left(new NotAuthenticated({ hop, cause, detail }))
const listed = (audiences: readonly string[]) =>
  audiences.length === 0 ? "none" : audiences.map((one) => JSON.stringify(one)).join(", ")

/** The claims of a token of one's own, if they can be read and say that it is still good. */
const current = (
  token: string,
  whose: "relay token" | "cluster token",
  hop: "relay" | "auth-proxy",
  nowMillis: number,
): Either.Either<UnverifiedClaims, NotAuthenticated> =>
  Either.flatMap(
    Either.mapLeft(
      readClaims(token),
      (refusal) =>
        new NotAuthenticated({
          hop,
          cause: "TokenUnreadable",
          detail: `the ${whose} is not a JWT (${refusal._tag}): give an access token or ID token of your identity provider`,
        }),
    ),
    (claims) =>
      claims.expiresAt !== undefined && claims.expiresAt.getTime() + clockToleranceMillis <= nowMillis
        ? refused(hop, "TokenExpired", `the ${whose} expired at ${claims.expiresAt.toISOString()}: get a new one`)
        : Either.right(claims),
  )

/**
 * Whether a token may be sent to the relay: its `aud` contains the relay's audience and none that a cluster takes, because a
 * relay that holds a token for the cluster could act as the user there.
 */
export const mayGoToRelay = (
  token: string,
  known: KnownAudiences,
  nowMillis: number,
): Either.Either<UnverifiedClaims, NotAuthenticated> =>
  Either.flatMap(current(token, "relay token", "relay", nowMillis), (claims) => {
    if (known.single) return Either.right(claims)
    if (!claims.audiences.includes(known.relay))
      return refused(
        "relay",
        "RelayAudienceMissing",
        `the relay token is for ${listed(claims.audiences)}, expected ${JSON.stringify(known.relay)}: request it with that audience, or name the right one with --relay-audience. It was not sent`,
      )
    // The default form names a cluster of this relay, also one that this installation has never met.
    const clusters = claims.audiences.filter(
      (audience) =>
        known.clusters.includes(audience) ||
        [known.relay, known.defaultRelay].some((relay) => audience.startsWith(`${relay}/`)),
    )
    if (clusters.length > 0)
      return refused(
        "relay",
        "RelayTokenOpensCluster",
        `the relay token is also good at a cluster (${listed(clusters)}), so the relay could act as you there. It was not sent: use one token per audience, or --single-audience if that is what you want`,
      )
    return Either.right(claims)
  })

/**
 * Whether a token is worth sending to the cluster. `expected` is the audience that the user named; without one any may be right,
 * since a cluster can accept several.
 */
export const mayGoToCluster = (
  token: string,
  expected: string | undefined,
  nowMillis: number,
): Either.Either<UnverifiedClaims, NotAuthenticated> =>
  Either.flatMap(current(token, "cluster token", "auth-proxy", nowMillis), (claims) =>
    expected === undefined || claims.audiences.includes(expected)
      ? Either.right(claims)
      : refused(
          "auth-proxy",
          "ClusterAudienceMissing",
          `the cluster token is for ${listed(claims.audiences)}, expected ${JSON.stringify(expected)}: request it with that audience`,
        ),
  )
