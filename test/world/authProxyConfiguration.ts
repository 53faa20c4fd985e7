import { stringify } from "yaml"

/** An auth proxy that admits everybody of one issuer under the prefix `oidc:` and may read and write. */
export const authProxyConfiguration = (options: {
  readonly clusterName: string
  readonly relayUrl: string
  readonly issuer: string
  readonly idpCa: string
  readonly apiServer: { readonly url: string; readonly caFile: string; readonly tokenFile: string }
}): string =>
  stringify({
    clusterName: options.clusterName,
    relay: { url: options.relayUrl },
    authentication: {
      jwt: [
        {
          name: "main",
          issuer: {
            url: options.issuer,
            certificateAuthority: options.idpCa,
            audiences: [`clusterconnect:${new URL(options.relayUrl).host}/${options.clusterName}`],
          },
          claimMappings: {
            username: { claim: "sub", prefix: "oidc:" },
            groups: { claim: "groups", prefix: "oidc:" },
          },
        },
      ],
    },
    impersonation: { profile: "ReadWrite" },
    apiServer: options.apiServer,
  })
