import { readFileSync } from "node:fs"
import type { Outside } from "../world/Outside.ts"

/** What of a ClusterConnect the scenarios choose. */
export interface Wish {
  readonly name: string
  readonly clusterName: string
  readonly outside: Outside
  /** Name of the Secret whose key `token` is the join token; left out, the key has to be listed. */
  readonly joinTokenSecret?: string
  /** Laid over `spec`, field by field at the top. */
  readonly spec?: Readonly<Record<string, unknown>>
}

/** A ClusterConnect as a user would write it: everybody of the tests' issuer, under the prefix `oidc:`. */
export const clusterConnect = ({ name, clusterName, outside, joinTokenSecret, spec = {} }: Wish) => ({
  apiVersion: "clusterconnect.dev/v1alpha1",
  kind: "ClusterConnect",
  metadata: { name },
  spec: {
    clusterName,
    relay: {
      url: outside.relayUrl,
      caBundle: readFileSync(outside.caFile, "utf8"),
      ...(joinTokenSecret === undefined ? {} : { joinTokenSecretRef: { name: joinTokenSecret, key: "token" } }),
    },
    authentication: {
      jwt: [
        {
          name: "main",
          issuer: { url: outside.identityProvider.issuer, certificateAuthority: outside.identityProvider.caPem },
          claimMappings: {
            username: { claim: "sub", prefix: "oidc:" },
            groups: { claim: "groups", prefix: "oidc:" },
          },
        },
      ],
    },
    ...spec,
  },
})
