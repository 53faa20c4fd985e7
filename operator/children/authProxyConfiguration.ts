import { createHash } from "node:crypto"
import { stringify } from "yaml"
import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import { defaultClusterAudience, defaultRelayAudience, relayUrl } from "../../protocol/names.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { childMetadata } from "./childMetadata.ts"

/** Key of the ConfigMap and name of the file. */
export const configurationFile = "auth-proxy.yaml"

/** OpenID Connect Core section 15.1: what every provider has. */
const defaultAlgorithms = ["RS256"]

/**
 * The auth proxy's configuration file. The same spec gives the same bytes; every default that decides who comes in is written
 * out, so that an auth proxy of another version cannot read it differently.
 */
export const authProxyConfiguration = ({
  clusterName,
  relay,
  authentication,
  impersonation,
  authProxy: { limits },
}: ClusterConnectSpec): string => {
  const url = relayUrl(relay.url)
  const ownAudience = defaultClusterAudience(url, clusterName)
  const configuration = {
    clusterName,
    relay: { url, audiences: relay.audiences ?? [defaultRelayAudience(url)] },
    authentication: {
      ...authentication,
      jwt: authentication.jwt.map((entry) => ({
        ...entry,
        issuer: { ...entry.issuer, audiences: entry.issuer.audiences ?? [ownAudience] },
        algorithms: entry.algorithms ?? defaultAlgorithms,
      })),
    },
    impersonation,
    ...(limits === undefined ? {} : { limits }),
  }
  return stringify(configuration, { sortMapEntries: true, aliasDuplicateObjects: false, lineWidth: 0 })
}

/** As the auth proxy's `GET /status` shows it: SHA-256 of the file's bytes, hex. */
export const configurationHash = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

/** Followed by running auth proxies: a change needs no restart. */
export const authProxyConfigMap = (input: ChildrenInput, text: string): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: childMetadata(input, "auth-proxy", "auth-proxy"),
  data: { [configurationFile]: text },
})
