import { createHash } from "node:crypto"
import { stringify } from "yaml"
import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { childMetadata } from "./childMetadata.ts"
import { namesOf } from "./namesOf.ts"

/** Key of the ConfigMap and name of the file. */
export const configurationFile = "auth-proxy.yaml"

/** OpenID Connect Core section 15.1: what every provider has. */
const defaultAlgorithms = ["RS256"]

/**
 * The auth proxy's configuration file. The same spec gives the same bytes; every default that decides who comes in is written
 * out, so that an auth proxy of another version cannot read it differently.
 */
export const authProxyConfiguration = (spec: ClusterConnectSpec): string => {
  const { clusterName, authentication, impersonation, authProxy } = spec
  const { limits } = authProxy
  const { relayUrl, relayAudiences, clusterAudience } = namesOf(spec)
  const configuration = {
    clusterName,
    relay: { url: relayUrl, audiences: relayAudiences },
    authentication: {
      ...authentication,
      jwt: authentication.jwt.map((entry) => ({
        ...entry,
        issuer: { ...entry.issuer, audiences: entry.issuer.audiences ?? [clusterAudience] },
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
