import { join } from "node:path"
import { stringify } from "yaml"

/**
 * A relay behind the recorder, which terminates TLS: it listens in plain text on loopback and believes the recorder's peers nothing.
 * Everybody of the issuer may connect to the one cluster.
 */
export const relayConfiguration = (options: {
  readonly relayUrl: string
  readonly directory: string
  readonly issuer: string
  readonly idpCa: string
  readonly clusterName: string
}): string =>
  stringify({
    publicUrl: options.relayUrl,
    listen: "127.0.0.1:0",
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
    policy: [{ issuer: "main", clusters: [options.clusterName], role: "connect" }],
  })
