import { Schema } from "effect"
import { IssuerEntry } from "../../identity/JwtEntry.ts"
import { crossesInPlainText, relayUrl } from "../../protocol/names.ts"
import { PolicyEntry } from "../policy/PolicyEntry.ts"
import { RegistrationEntry } from "../store/RegistrationEntry.ts"
import { isAddressRange } from "./addressRange.ts"

const PublicUrl = Schema.String.pipe(
  Schema.filter(
    (text) => {
      try {
        return relayUrl(text) === text
      } catch {
        return false
      }
    },
    { message: () => "expected https://host[:port] in lower case, without a path and without the default port" },
  ),
)

const HostPort = Schema.String.pipe(
  Schema.filter((text) => listenAddress(text) !== undefined, {
    message: () => "expected HOST:PORT, as 0.0.0.0:443 or [::]:443",
  }),
)

const AddressRange = Schema.String.pipe(
  Schema.filter(isAddressRange, { message: () => "expected an IP address or a network, as 10.0.0.0/8" }),
)

const Count = Schema.Number.pipe(Schema.int(), Schema.between(1, 1_000_000))

const Limits = Schema.Struct({
  streamsPerCaller: Schema.optional(Count),
  streamsPerCluster: Schema.optional(Count),
  controlSessionsPerCluster: Schema.optional(Count),
  unauthenticatedSockets: Schema.optional(Count),
  unauthenticatedSocketsPerAddress: Schema.optional(Count),
  connections: Schema.optional(Count),
  joinFailuresPerAddress: Schema.optional(Count),
})

/** The relay's configuration file. docs/relay.md explains every key. */
export const RelayConfiguration = Schema.Struct({
  /** scheme://host[:port] under which clients and agents know this relay; it is part of every signature. */
  publicUrl: PublicUrl,
  listen: HostPort,
  /** Absent: plain text, which {@link plainTextFault} takes on a loopback address or behind a TLS terminator. */
  tls: Schema.optional(Schema.Struct({ certFile: Schema.NonEmptyString, keyFile: Schema.NonEmptyString })),
  /** Something in front of `listen` ends the TLS. */
  tlsTerminatedElsewhere: Schema.optionalWith(Schema.Boolean, { default: () => false }),
  healthListen: Schema.optionalWith(HostPort, { default: () => "127.0.0.1:9090" }),
  /** The SQLite file; it is made, with mode 0600, when it is missing. */
  database: Schema.NonEmptyString,
  /** Names this replica in `dial`. */
  replica: Schema.optionalWith(Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9._-]{1,128}$/)), {
    default: () => "relay-0",
  }),
  /** The audience of tokens for this relay; `clusterconnect:<host>` of the publicUrl when absent. */
  audience: Schema.optional(Schema.NonEmptyString),
  issuers: Schema.optionalWith(Schema.Array(IssuerEntry), { default: () => [] }),
  /** Who may do what. Without an entry nobody may do anything. */
  policy: Schema.optionalWith(Schema.Array(PolicyEntry), { default: () => [] }),
  /** Clusters whose identity keys are known in advance. */
  clusters: Schema.optionalWith(Schema.Array(RegistrationEntry), { default: () => [] }),
  /** The same in a file of its own: what `cluster export` printed. */
  clustersFile: Schema.optional(Schema.NonEmptyString),
  /** Served below /download/. */
  downloadDirectory: Schema.optional(Schema.NonEmptyString),
  /** A file that lines are appended to, or `-` for stdout. */
  auditLog: Schema.optionalWith(Schema.NonEmptyString, { default: () => "-" }),
  /** Peers whose X-Forwarded-For is believed. */
  trustedProxies: Schema.optionalWith(Schema.Array(AddressRange), { default: () => [] }),
  limits: Schema.optionalWith(Limits, { default: () => ({}) }),
})
export type RelayConfiguration = typeof RelayConfiguration.Type

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** HOST:PORT, with an IPv6 host in brackets; undefined when it is nothing of that kind. */
export const listenAddress = (text: string): ListenAddress | undefined => {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  return match === null || port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? "", port }
}

const isOnlyHere = (listen: string): boolean =>
  URL.canParse(`http://${listen}`) && !crossesInPlainText(`http://${listen}`)

/** What is wrong with a public port in plain text; undefined where TLS ends in it or, by the configuration's own word, in front of it. */
export const plainTextFault = ({ listen, tls, tlsTerminatedElsewhere }: RelayConfiguration): string | undefined =>
  tls !== undefined || tlsTerminatedElsewhere || isOnlyHere(listen)
    ? undefined
    : `listen: ${listen} without tls would take callers' tokens in plain text; expected tls, or tlsTerminatedElsewhere: true where something in front of it ends the TLS`
