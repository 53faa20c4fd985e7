import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import { defaultClusterAudience, defaultRelayAudience, relayUrl } from "../../protocol/names.ts"

/** Names that follow from a spec; every default is filled in. */
export interface Named {
  readonly relayUrl: string
  /** Tokens for one of them are not accepted in the cluster. */
  readonly relayAudiences: readonly string[]
  /** What an entry of `authentication.jwt` accepts that lists no audiences. */
  readonly clusterAudience: string
  /** Issuer to the audience that clients ask for: the first that the entry accepts. */
  readonly audiences: Readonly<Record<string, string>>
}

/** @throws {TypeError} for a relay URL in which `specFault` finds a fault */
export const namesOf = ({ clusterName, relay, authentication }: ClusterConnectSpec): Named => {
  const url = relayUrl(relay.url)
  const clusterAudience = defaultClusterAudience(url, clusterName)
  return {
    relayUrl: url,
    relayAudiences: relay.audiences ?? [defaultRelayAudience(url)],
    clusterAudience,
    audiences: Object.fromEntries(
      authentication.jwt.map(({ issuer }) => [issuer.url, issuer.audiences?.[0] ?? clusterAudience]),
    ),
  }
}
