import { NotAuthenticated, RefusedByPolicy } from "../failures.ts"
import { otherOwner } from "./audienceRules.ts"
import { type Issuing, mintFor } from "./Issuing.ts"
import { renewedToken } from "./renewedToken.ts"
import type { ClusterTokenSource, TokenSource } from "./TokenSource.ts"

export interface IssuedClusterOptions {
  readonly issuing: Issuing
  readonly cluster: string
  /** By flag or profile: then nothing else is asked. */
  readonly audience: string | undefined
  /** `clusterconnect:<relay host>/<cluster>`. */
  readonly defaultAudience: string
  readonly relayAudience: string
  readonly singleAudience: boolean
}

/**
 * A cluster's token from an issuer, for the audience that the user named, else the default. A document never chooses what a token is
 * fetched for: whoever wrote it could name any service that takes tokens of the same issuer, and act as the user there. One that
 * wants another audience is refused.
 */
export class IssuedClusterToken implements ClusterTokenSource {
  readonly described: string
  readonly #options: IssuedClusterOptions
  #audience: string
  #source: TokenSource

  constructor(options: IssuedClusterOptions) {
    this.#options = options
    this.described = options.issuing.described
    this.#audience = options.audience ?? options.defaultAudience
    this.#source = this.#sourceFor(this.#audience)
  }

  get audience(): string {
    return this.#audience
  }

  current(): Promise<string> {
    return this.#source.current()
  }

  adopt(audiences: Readonly<Record<string, string>>): void {
    const { issuing, cluster, audience, defaultAudience, relayAudience, singleAudience } = this.#options
    if (audience !== undefined) return
    const wanted = fromDocument(audiences, issuing.issuer) ?? defaultAudience
    if (wanted !== defaultAudience && !(singleAudience && wanted === relayAudience))
      throw new RefusedByPolicy({
        hop: "proxy",
        cause: "AudienceNotOwn",
        detail: `the document of cluster ${cluster} asks for tokens with the audience ${JSON.stringify(wanted)}, expected ${JSON.stringify(defaultAudience)}: with another it could act as you wherever that one is taken, so none was asked for. If it is right, say so with --audience, or for good with clusterconnect login --audience ${cluster}=AUDIENCE ${cluster}`,
      })
    if (wanted === this.#audience) return
    this.#audience = wanted
    this.#source = this.#sourceFor(wanted)
  }

  /** Of other services' audiences, and those of a form of its own, the issuer has to take care: it was asked for one alone. */
  #isAnothers(audience: string): boolean {
    const { defaultAudience: ownAudience, ...options } = this.#options
    return otherOwner(audience, { ...options, ownAudience, remembered: new Map(), entry: String }) !== undefined
  }

  #sourceFor(audience: string): TokenSource {
    const { issuing } = this.#options
    return renewedToken({
      mint: async () => (await mintFor(issuing, audience, "auth-proxy", (one) => this.#isAnothers(one))).token,
      hop: "auth-proxy",
      described: this.described,
    })
  }
}

/** The document's audience for this issuer; without a known issuer only if there is nothing to choose. */
const fromDocument = (audiences: Readonly<Record<string, string>>, issuer: string | undefined): string | undefined => {
  if (issuer !== undefined && Object.hasOwn(audiences, issuer)) return audiences[issuer]
  const distinct = [...new Set(Object.values(audiences))]
  // A cluster without an operator may name none.
  if (distinct.length === 0) return undefined
  if (issuer === undefined) return distinct.length === 1 ? distinct[0] : undefined
  throw new NotAuthenticated({
    hop: "auth-proxy",
    cause: "IssuerNotAccepted",
    detail: `the cluster takes tokens of ${Object.keys(audiences).join(", ")}, and yours come from ${issuer}: log in at one of these, or have the cluster's operator add yours`,
  })
}
