import { Either } from "effect"
import { mayGoToRelay } from "./audienceRules.ts"
import type { TokenSource } from "./TokenSource.ts"

export interface RelayTokenRules {
  readonly source: TokenSource
  readonly relayAudience: string
  /** By default, by the user, and remembered from earlier sessions. */
  readonly clusterAudiences: readonly string[]
  readonly singleAudience: boolean
  readonly nowMillis?: () => number
}

/** The only way by which a token gets to the relay: asked at every use, because a token file may hold another one by then. */
export class RelayTokenGate {
  readonly #rules: RelayTokenRules
  readonly #clusterAudiences: Set<string>

  constructor(rules: RelayTokenRules) {
    this.#rules = rules
    this.#clusterAudiences = new Set(rules.clusterAudiences)
  }

  /** @throws {NotAuthenticated} when there is none that may go there */
  token(): string {
    const { source, relayAudience, singleAudience, nowMillis = Date.now } = this.#rules
    const token = source.current()
    const known = { relay: relayAudience, clusters: [...this.#clusterAudiences], single: singleAudience }
    Either.getOrThrowWith(mayGoToRelay(token, known, nowMillis()), (refusal) => refusal)
    return token
  }

  /** Audiences that a verified document names. @throws {NotAuthenticated} when the present token turns out to be for one of them */
  learn(audiences: readonly string[]): void {
    for (const audience of audiences) this.#clusterAudiences.add(audience)
    this.token()
  }
}
