import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stringify } from "yaml"
import { publicUrl } from "../../../relay/testing/TestRelay.ts"
import { listening } from "../../world/Program.ts"
import type { AttackRange } from "./AttackRange.ts"
import { relayCommand, startOutside } from "./SecondCluster.ts"

/** A relay of its own for attacks on enrolment, which would leave the range's relay with names and blocked addresses. */
export interface EnrolmentRelay {
  readonly http: string
  readonly ws: string
  readonly database: string
  readonly auditLog: string
  /** Makes a join token. */
  joinToken(cluster: string, ...more: readonly string[]): Promise<string>
  /** A relay token of the range's identity provider. */
  relayToken(subject?: string): Promise<string>
  command(...args: readonly string[]): Promise<string>
}

export const startEnrolmentRelay = async (range: AttackRange): Promise<EnrolmentRelay> => {
  const directory = join(range.world.directory, "enrolment")
  mkdirSync(directory, { mode: 0o700 })
  const config = join(directory, "config.yaml")
  const { issuer, caPem } = range.world.identityProvider
  const audience = `clusterconnect:${new URL(publicUrl).host}`
  const database = join(directory, "relay.sqlite")
  const auditLog = join(directory, "audit.log")
  writeFileSync(
    config,
    stringify({
      publicUrl,
      listen: "127.0.0.1:0",
      healthListen: "127.0.0.1:0",
      database,
      auditLog,
      issuers: [{ name: "main", issuer: { url: issuer, certificateAuthority: caPem, audiences: [audience] } }],
      policy: [{ issuer: "main", clusters: ["*"], role: "connect" }],
      // All attacks come from one address.
      limits: { joinFailuresPerAddress: 10_000 },
    }),
  )
  const relay = startOutside(range.stack, "enrolment relay", "clusterconnect-relay", ["serve", "--config", config])
  range.started.push(relay)
  const { host, port } = await listening(relay, "public")
  return {
    http: `http://${host}:${port}`,
    ws: `ws://${host}:${port}`,
    database,
    auditLog,
    joinToken: async (cluster, ...more) => (await relayCommand(config, ["token", "create", cluster, ...more])).trim(),
    async relayToken(subject = "mallory") {
      const token = await range.world.identityProvider.mint({ sub: subject }, { audience })
      range.tokens.push(token)
      return token
    },
    command: (...args) => relayCommand(config, args),
  }
}
