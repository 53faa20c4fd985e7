import { Either } from "effect"
import { readClaims } from "../../identity/readClaims.ts"
import { NotAuthenticated, RefusedByPolicy } from "../failures.ts"
import type { KnownClusters } from "../trust/KnownClusters.ts"
import { mayGoToRelay } from "./audienceRules.ts"
import type { TokenSource } from "./TokenSource.ts"

export interface RelayTokenRules {
  readonly source: TokenSource
  readonly relayAudience: string
  /** `clusterconnect:<relay host>` */
  readonly defaultRelayAudience: string
  /** By default and by the user. */
  readonly clusterAudiences: readonly string[]
  /** Normalised; whose clusters `known` is asked for. */
  readonly relay: string
  /** What documents named, in earlier sessions or meanwhile to other processes. */
  readonly known: Pick<KnownClusters, "audiences" | "entry">
  readonly singleAudience: boolean
  readonly nowMillis?: () => number
}

/** The only way by which a token gets to the relay: asked at every use, because a token file may hold another one by then. */
export class RelayTokenGate {
  readonly #rules: RelayTokenRules
  /** Audiences that documents named, each with the cluster that named it first. */
  readonly #learnt = new Map<string, string>()
  #remembered: ReadonlyMap<string, readonly string[]> | undefined

  constructor(rules: RelayTokenRules) {
    this.#rules = rules
  }

  /** @throws {NotAuthenticated} when there is none that may go to the relay */
  async token(): Promise<string> {
    const { source, relay, relayAudience, defaultRelayAudience, clusterAudiences, singleAudience } = this.#rules
    await this.#remember()
    const { nowMillis = Date.now } = this.#rules
    const token = await source.current()
    const known = {
      relay: relayAudience,
      defaultRelay: defaultRelayAudience,
      clusters: clusterAudiences,
      named: this.#learnt,
      entry: (cluster: string) => this.#rules.known.entry(relay, cluster),
      single: singleAudience,
    }
    Either.getOrThrowWith(mayGoToRelay(token, known, nowMillis()), (refusal) => refusal)
    return token
  }

  /**
   * Before a document is remembered. @throws {PathFailure} when its cluster takes an audience of the relay token: the relay could act
   * as the user there. It is not learnt, because a cluster that names every audience would close the way to itself for good.
   */
  async accept(cluster: string, audiences: readonly string[]): Promise<void> {
    const { source, relayAudience, singleAudience } = this.#rules
    if (singleAudience) return
    if (audiences.includes(relayAudience))
      throw new RefusedByPolicy({
        hop: "proxy",
        cause: "ClusterTakesRelayAudience",
        detail: `the document of cluster ${cluster} says that it takes tokens with the relay's audience ${JSON.stringify(relayAudience)}: the relay, which gets such tokens, could act as you there. Nothing was sent to the cluster. Have its operator give it an audience of its own, or allow one token for both with --single-audience`,
      })
    const claims = Either.getOrUndefined(readClaims(await source.current()))
    const present = claims?.audiences ?? []
    const shared = audiences.filter((audience) => present.includes(audience))
    if (shared.length > 0)
      throw new NotAuthenticated({
        hop: "relay",
        cause: "RelayTokenOpensCluster",
        detail: `the document of cluster ${cluster} says that it takes tokens for ${shared.map((one) => JSON.stringify(one)).join(", ")}, and your relay token is for that too: the relay, which gets it, could act as you there. Nothing was sent to the cluster; other clusters are not affected. Use a relay token without that audience, have the cluster's operator give it an audience of its own, or allow one token for both with --single-audience`,
      })
  }

  /** Audiences that a cluster's verified document names. @throws {NotAuthenticated} when the present token turns out to be for one of them */
  async learn(cluster: string, audiences: readonly string[]): Promise<void> {
    this.#add(cluster, audiences)
    await this.token()
  }

  /** Other processes of the user learn too, while this one runs. */
  async #remember(): Promise<void> {
    const remembered = await this.#rules.known.audiences(this.#rules.relay)
    if (remembered === this.#remembered) return
    for (const [cluster, audiences] of remembered) this.#add(cluster, audiences)
    this.#remembered = remembered
  }

  /** The relay's own is left out: remembered from a time when one token was allowed for both, it would hold back every token. */
  #add(cluster: string, audiences: readonly string[]): void {
    for (const audience of audiences)
      if (audience !== this.#rules.relayAudience && !this.#learnt.has(audience)) this.#learnt.set(audience, cluster)
  }
}
