import { Either } from "effect"
import { readClaims, type UnverifiedClaims } from "../../identity/readClaims.ts"
import { NotAuthenticated } from "../failures.ts"

/** What the user's own settings, memory and (after the first document) the cluster say about audiences. Never the relay. */
export interface KnownAudiences {
  readonly relay: string
  /** `clusterconnect:<relay host>`: what clusters take unless somebody says otherwise begins with it. */
  readonly defaultRelay: string
  /** Audiences of clusters, by default and by the user's word. */
  readonly clusters: readonly string[]
  /** Those that documents named, now or earlier, each with its cluster. */
  readonly named: ReadonlyMap<string, string>
  /** For messages: where it stands what a cluster's documents named. */
  readonly entry: (cluster: string) => string
  /** One token for both was explicitly allowed. */
  readonly single: boolean
}

/** Clocks of laptops are off by some seconds; the hops themselves allow the same. */
const clockToleranceMillis = 30_000

/** What is known of audiences where it is asked whether a cluster may have a token. */
export interface ClusterAudiences {
  readonly cluster: string
  /** `clusterconnect:<relay host>/<cluster>` */
  readonly ownAudience: string
  readonly relayAudience: string
  /** One token for all was explicitly allowed. */
  readonly singleAudience: boolean
  /** What documents of clusters at this relay named, by cluster. */
  readonly remembered: ReadonlyMap<string, readonly string[]>
  /** For messages: where it stands what a cluster's documents named. */
  readonly entry: (cluster: string) => string
}

/** How every audience begins that nobody chose: `clusterconnect:<relay host>[/<cluster>]`, of this relay or another one. */
const defaultForm = "clusterconnect:"

/** Whose audience it is, in words, if not this cluster's: who gets a token that is good for it could act as the user there. */
export const otherOwner = (
  audience: string,
  { cluster, ownAudience, relayAudience, singleAudience, remembered, entry }: ClusterAudiences,
): string | undefined => {
  if (singleAudience || audience === ownAudience) return undefined
  if (audience === relayAudience) return "the relay"
  if (audience.startsWith(defaultForm)) return "another cluster or relay"
  const named = [...remembered].find(([other, audiences]) => other !== cluster && audiences.includes(audience))
  return named === undefined ? undefined : `cluster ${named[0]}, whose document named it: ${entry(named[0])}`
}

const refused = (hop: "relay" | "auth-proxy", cause: string, detail: string) =>
  Either.left(new NotAuthenticated({ hop, cause, detail }))
const listed = (audiences: readonly string[]) =>
  audiences.length === 0 ? "none" : audiences.map((one) => JSON.stringify(one)).join(", ")

/** @param claims of a token of one's own: they may have been read a while ago */
export const unexpired = (
  claims: UnverifiedClaims,
  whose: "relay token" | "cluster token",
  hop: "relay" | "auth-proxy",
  nowMillis: number,
): Either.Either<UnverifiedClaims, NotAuthenticated> =>
  claims.expiresAt !== undefined && claims.expiresAt.getTime() + clockToleranceMillis <= nowMillis
    ? refused(hop, "TokenExpired", `the ${whose} expired at ${claims.expiresAt.toISOString()}: get a new one`)
    : Either.right(claims)

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
    (claims) => unexpired(claims, whose, hop, nowMillis),
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
    const relays = [known.relay, known.defaultRelay]
    // The default form names a cluster of this relay, also one that this installation has never met.
    const opened = claims.audiences.flatMap((audience) => {
      const isCluster = known.clusters.includes(audience) || relays.some((relay) => audience.startsWith(`${relay}/`))
      if (isCluster) return [JSON.stringify(audience)]
      const named = known.named.get(audience)
      return named === undefined
        ? []
        : [`${JSON.stringify(audience)}, which a document of cluster ${named} named: ${known.entry(named)}`]
    })
    if (opened.length > 0)
      return refused(
        "relay",
        "RelayTokenOpensCluster",
        `the relay token is also good at a cluster (${opened.join("; ")}), so the relay could act as you there. It was not sent: use one token per audience; have what a document names wrongly taken out of it by that cluster's operator, take it out of the entry then, and start this program again; or give --single-audience if one token for both is what you want`,
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
          `the cluster token is for ${listed(claims.audiences)}, expected ${JSON.stringify(expected)}: request it with that audience, or name the right one with --audience. It was not sent`,
        ),
  )
