import { isPin, type Pin } from "../../protocol/keys.ts"
import { clusterNamePattern, defaultRelayAudience, relayUrl } from "../../protocol/names.ts"
import { UsageWrong } from "../failures.ts"
import { fixedToken, type TokenSource, tokenFile } from "../tokens/TokenSource.ts"
import { clusterValues } from "./clusterValues.ts"

/** The flags of `proxy` as given; undefined where a flag is absent. */
export interface ProxyFlags {
  readonly clusters: readonly string[]
  readonly relay: string | undefined
  readonly token: string | undefined
  readonly tokenFile: string | undefined
  readonly relayTokenFile: string | undefined
  readonly relayAudience: string | undefined
  readonly audience: string | undefined
  readonly singleAudience: boolean
  readonly port: number | undefined
  readonly file: string | undefined
  readonly kubeContext: string | undefined
  readonly pin: string | undefined
  readonly acceptNewPin: boolean
  readonly caFile: string | undefined
}

export interface ClusterSettings {
  readonly cluster: string
  readonly token: TokenSource
  readonly pin: Pin | undefined
}

export interface ProxySettings {
  /** Normalised. */
  readonly relay: string
  readonly relayToken: TokenSource
  readonly relayAudience: string
  /** What the user says the cluster's audience is. */
  readonly audience: string | undefined
  readonly singleAudience: boolean
  readonly clusters: readonly ClusterSettings[]
  readonly port: number | undefined
  /** A path, `-` for stdout, or undefined for a file of our own. */
  readonly file: string | undefined
  readonly kubeContext: string | undefined
  readonly acceptNewPin: boolean
  readonly caFile: string | undefined
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Flags and environment, a flag before its variable, as settings.
 * @throws {UsageWrong} naming the flag and what it takes
 */
export const proxySettings = (flags: ProxyFlags, environment: Environment): ProxySettings => {
  const clusters = distinctClusters(flags.clusters)
  const variable = (name: string) => environment[name] || undefined
  const several = clusters.length > 1
  if (several && flags.kubeContext !== undefined)
    throw new UsageWrong({ detail: "--kube-context names one context: give it with one cluster" })
  if (several && flags.audience !== undefined)
    throw new UsageWrong({ detail: "--audience is one cluster's audience: give it with one cluster" })
  if (flags.token !== undefined && flags.tokenFile !== undefined)
    throw new UsageWrong({ detail: "--token and --token-file exclude each other" })
  const relay = normalisedRelay(flags.relay ?? variable("CLUSTERCONNECT_RELAY"))
  const port = flags.port
  if (port !== undefined && !(port >= 1 && port <= 65_535 - clusters.length + 1))
    throw new UsageWrong({ detail: `--port ${port}: expected a port between 1 and 65535 for each cluster` })
  const tokens = clusterTokens(flags, variable, clusters)
  const pins = clusterValues("--pin or CLUSTERCONNECT_PIN", flags.pin ?? variable("CLUSTERCONNECT_PIN"), clusters)
  return {
    relay,
    relayToken: relayToken(flags, variable, clusters, tokens),
    relayAudience: flags.relayAudience ?? defaultRelayAudience(relay),
    audience: flags.audience,
    singleAudience: flags.singleAudience,
    clusters: clusters.map((cluster) => ({
      cluster,
      token: tokens.get(cluster) ?? missingToken(cluster, several),
      pin: checkedPin(pins.get(cluster)),
    })),
    port,
    file: flags.file,
    kubeContext: flags.kubeContext,
    acceptNewPin: flags.acceptNewPin,
    caFile: flags.caFile,
  }
}

type Variable = (name: string) => string | undefined

const distinctClusters = (names: readonly string[]) => {
  for (const name of names) {
    if (name.startsWith("-"))
      throw new UsageWrong({ detail: `unknown flag ${name}: see \`clusterconnect proxy --help\`` })
    if (!clusterNamePattern.test(name))
      throw new UsageWrong({
        detail: `cluster name ${JSON.stringify(name)}: expected at most 40 of a-z, 0-9 and -, beginning and ending with a letter or digit`,
      })
  }
  if (new Set(names).size !== names.length) throw new UsageWrong({ detail: "a cluster is named twice" })
  return names
}

/** Hosts that no packet leaves this machine for, as URL writes them. */
const thisMachine = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/

const normalisedRelay = (text: string | undefined) => {
  if (text === undefined)
    throw new UsageWrong({ detail: "which relay? Give --relay https://HOST or set CLUSTERCONNECT_RELAY" })
  const wrong = (why: string) => new UsageWrong({ detail: `--relay or CLUSTERCONNECT_RELAY: ${why}` })
  let relay: URL
  try {
    relay = new URL(relayUrl(text))
  } catch {
    throw wrong("expected https://HOST[:PORT] and nothing more")
  }
  if (relay.protocol === "http:" && !thisMachine.test(relay.hostname))
    throw wrong("expected https://HOST[:PORT]: your token would cross the network in plain text")
  return relay.origin
}

const clusterTokens = (flags: ProxyFlags, variable: Variable, clusters: readonly string[]) => {
  const sources = (
    name: string,
    values: string | undefined,
    source: (value: string) => TokenSource,
  ): ReadonlyMap<string, TokenSource> =>
    new Map([...clusterValues(name, values, clusters)].map(([cluster, value]) => [cluster, source(value)]))
  const file = (name: string) => (path: string) => tokenFile(path, "auth-proxy", `${name} ${path}`)
  const fixed = (name: string) => (token: string) => fixedToken(token, name)
  if (flags.token !== undefined) return sources("--token", flags.token, fixed("--token"))
  if (flags.tokenFile !== undefined) return sources("--token-file", flags.tokenFile, file("--token-file"))
  const [token, path] = ["CLUSTERCONNECT_TOKEN", "CLUSTERCONNECT_TOKEN_FILE"]
  if (variable(token) !== undefined) return sources(token, variable(token), fixed(token))
  return sources(path, variable(path), file(path))
}

const missingToken = (cluster: string, several: boolean): never => {
  const form = several ? ` in the form ${cluster}=VALUE` : ""
  throw new UsageWrong({
    detail: `no token for cluster ${cluster}: give --token-file PATH, or set CLUSTERCONNECT_TOKEN_FILE or CLUSTERCONNECT_TOKEN${form}`,
  })
}

const relayToken = (
  flags: ProxyFlags,
  variable: Variable,
  clusters: readonly string[],
  tokens: ReadonlyMap<string, TokenSource>,
): TokenSource => {
  const file = (path: string, name: string) => tokenFile(path, "relay", `${name} ${path}`)
  if (flags.relayTokenFile !== undefined) return file(flags.relayTokenFile, "--relay-token-file")
  const token = variable("CLUSTERCONNECT_RELAY_TOKEN")
  if (token !== undefined) return fixedToken(token, "CLUSTERCONNECT_RELAY_TOKEN")
  const path = variable("CLUSTERCONNECT_RELAY_TOKEN_FILE")
  if (path !== undefined) return file(path, "CLUSTERCONNECT_RELAY_TOKEN_FILE")
  const same = flags.singleAudience ? tokens.get(clusters[0] ?? "") : undefined
  if (same !== undefined) return same
  throw new UsageWrong({
    detail:
      "no token for the relay: give --relay-token-file PATH or set CLUSTERCONNECT_RELAY_TOKEN[_FILE]. With --single-audience the cluster's token is sent to the relay too, which can then act as you",
  })
}

const checkedPin = (text: string | undefined): Pin | undefined => {
  if (text === undefined || isPin(text)) return text
  throw new UsageWrong({ detail: "--pin or CLUSTERCONNECT_PIN: expected sha256: and 64 hexadecimal digits" })
}
