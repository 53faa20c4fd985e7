import { Either } from "effect"
import { RefusedByPolicy } from "../failures.ts"
import { mayGoToRelay } from "./audienceRules.ts"
import type { TokenSource } from "./TokenSource.ts"

export interface RelayTokenRules {
  readonly source: TokenSource
  readonly relayAudience: string
  /** `clusterconnect:<relay host>` */
  readonly defaultRelayAudience: string
  /** By default and by the user. */
  readonly clusterAudiences: readonly string[]
  /** Named by documents of earlier sessions. */
  readonly rememberedAudiences: readonly string[]
  readonly singleAudience: boolean
  readonly nowMillis?: () => number
}

/** The only way by which a token gets to the relay: asked at every use, because a token file may hold another one by then. */
export class RelayTokenGate {
  readonly #rules: RelayTokenRules
  readonly #clusterAudiences: Set<string>

  constructor(rules: RelayTokenRules) {
    this.#rules = rules
    const { clusterAudiences, rememberedAudiences, relayAudience } = rules
    // Documents do not close the way to the relay for every token (accept).
    const remembered = rememberedAudiences.filter((audience) => audience !== relayAudience)
    this.#clusterAudiences = new Set([...clusterAudiences, ...remembered])
  }

  /** @throws {NotAuthenticated} when there is none that may go there */
  async token(): Promise<string> {
    const { source, relayAudience, defaultRelayAudience, singleAudience, nowMillis = Date.now } = this.#rules
    const token = await source.current()
    const known = {
      relay: relayAudience,
      defaultRelay: defaultRelayAudience,
      clusters: [...this.#clusterAudiences],
      single: singleAudience,
    }
    Either.getOrThrowWith(mayGoToRelay(token, known, nowMillis()), (refusal) => refusal)
    return token
  }

  /**
   * Before a document is remembered. @throws {RefusedByPolicy} when its cluster takes the relay's own audience: learnt, that would
   * hold back every token from the relay, for all its clusters
   */
  accept(cluster: string, audiences: readonly string[]): void {
    const { relayAudience, singleAudience } = this.#rules
    if (singleAudience || !audiences.includes(relayAudience)) return
    throw new RefusedByPolicy({
      hop: "proxy",
      cause: "ClusterTakesRelayAudience",
      detail: `the document of cluster ${cluster} says that it takes tokens with the relay's audience ${JSON.stringify(relayAudience)}: the relay, which gets such tokens, could act as you there. Nothing was sent to the cluster. Have its operator give it an audience of its own, or allow one token for both with --single-audience`,
    })
  }

  /** Audiences that a verified document names. @throws {NotAuthenticated} when the present token turns out to be for one of them */
  async learn(audiences: readonly string[]): Promise<void> {
    const { relayAudience } = this.#rules
    for (const audience of audiences.filter((one) => one !== relayAudience)) this.#clusterAudiences.add(audience)
    await this.token()
  }
}
