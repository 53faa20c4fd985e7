import { join } from "node:path"
import { stringify } from "yaml"

/**
 * A relay behind the recorder, which terminates TLS: it listens in plain text on loopback and believes the recorder's peers nothing.
 * With `served` it stands by itself and speaks TLS. Everybody of the issuer may connect to the clusters.
 */
export const relayConfiguration = (options: {
  readonly relayUrl: string
  readonly directory: string
  readonly issuer: string
  readonly idpCa: string
  readonly clusters: readonly string[]
  readonly served?: { readonly listen: string; readonly certFile: string; readonly keyFile: string }
}): string =>
  stringify({
    publicUrl: options.relayUrl,
    listen: options.served?.listen ?? "127.0.0.1:0",
    ...(options.served === undefined
      ? {}
      : { tls: { certFile: options.served.certFile, keyFile: options.served.keyFile } }),
    healthListen: "127.0.0.1:0",
    database: join(options.directory, "relay.sqlite"),
    auditLog: join(options.directory, "audit.log"),
    issuers: [
      {
        name: "main",
        issuer: {
          url: options.issuer,
          certificateAuthority: options.idpCa,
          audiences: [`clusterconnect:${new URL(options.relayUrl).host}`],
        },
      },
    ],
    policy: [{ issuer: "main", clusters: options.clusters, role: "connect" }],
  })
