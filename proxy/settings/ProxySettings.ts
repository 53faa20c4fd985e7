import { proxyHoldMillis } from "../../protocol/core/limits.ts"
import { isPin, type Pin } from "../../protocol/keys.ts"
import { defaultClusterAudience, defaultRelayAudience } from "../../protocol/names.ts"
import { UsageWrong } from "../failures.ts"
import type { NamedProfile } from "../profiles/Profiles.ts"
import { IssuedClusterToken } from "../tokens/IssuedClusterToken.ts"
import { type Issuing, issuedRelayToken } from "../tokens/Issuing.ts"
import type { ClusterTokenSource, TokenSource } from "../tokens/TokenSource.ts"
import { checkedClusterName } from "./checkedClusterName.ts"
import { clusterValues } from "./clusterValues.ts"
import { clusterTokens, givenRelayToken, missingRelayToken, missingToken } from "./givenTokens.ts"
import { normalisedRelay } from "./normalisedRelay.ts"

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
  readonly merge: boolean
  readonly overwriteExisting: boolean
  readonly pin: string | undefined
  readonly acceptNewPin: boolean
  /** Seconds. */
  readonly hold: number | undefined
  readonly caFile: string | undefined
}

export interface ClusterSettings {
  readonly cluster: string
  readonly token: ClusterTokenSource
  /** What the user says the cluster's audience is. */
  readonly audience: string | undefined
  readonly pin: Pin | undefined
}

export interface ProxySettings {
  /** Normalised. */
  readonly relay: string
  /** The name of the chosen profile, whose relay it is. */
  readonly profile: string | undefined
  readonly relayToken: TokenSource
  readonly relayAudience: string
  readonly singleAudience: boolean
  readonly clusters: readonly ClusterSettings[]
  readonly port: number | undefined
  /** A path, `-` for stdout, or undefined for a file of our own. */
  readonly file: string | undefined
  readonly kubeContext: string | undefined
  /** Into the kubeconfig that kubectl uses, or into `file`, beside what is there. */
  readonly merge: boolean
  readonly overwriteExisting: boolean
  readonly acceptNewPin: boolean
  /** How long a stream without a carrier is kept. */
  readonly holdMillis: number
  readonly caFile: string | undefined
}

export type Environment = Readonly<Record<string, string | undefined>>

/** What the chosen profile and the surroundings add to flags and variables (chooseOrigin.ts). */
export interface Origin {
  /** Of the relay that flags and variables name, if they do. */
  readonly named?: NamedProfile | undefined
  /** Fetches the tokens that were not given. */
  readonly issuing?: Issuing | undefined
  /** What another process has read, by the path (or `-`) that it was named by, because it can be read only there and once. */
  readonly tokensRead?: Readonly<Record<string, string>> | undefined
}

/**
 * Flags, environment and profile as settings: a flag before its variable, both before the profile, and a token that is given before
 * one that would be fetched.
 * @throws {UsageWrong} naming the flag and what it takes
 */
export const proxySettings = (flags: ProxyFlags, environment: Environment, origin: Origin = {}): ProxySettings => {
  const clusters = distinctClusters(flags.clusters)
  const variable = (name: string) => environment[name] || undefined
  const several = clusters.length > 1
  if (several && flags.kubeContext !== undefined)
    throw new UsageWrong({ detail: "--kube-context names one context: give it with one cluster" })
  if (several && flags.audience !== undefined)
    throw new UsageWrong({ detail: "--audience is one cluster's audience: give it with one cluster" })
  if (flags.token !== undefined && flags.tokenFile !== undefined)
    throw new UsageWrong({ detail: "--token and --token-file exclude each other" })
  if (flags.merge && flags.file === "-")
    throw new UsageWrong({ detail: "--merge writes into a file: give --file PATH, or leave it out" })
  if (flags.overwriteExisting && !flags.merge)
    throw new UsageWrong({ detail: "--overwrite-existing is about --merge: give both" })
  const profile = origin.named?.profile
  const relay = normalisedRelay(flags.relay ?? variable("CLUSTERCONNECT_RELAY") ?? profile?.relay)
  const port = flags.port
  if (port !== undefined && !(port >= 1 && port <= 65_535 - clusters.length + 1))
    throw new UsageWrong({ detail: `--port ${port}: expected a port between 1 and 65535 for each cluster` })
  const pins = clusterValues("--pin or CLUSTERCONNECT_PIN", flags.pin ?? variable("CLUSTERCONNECT_PIN"), clusters)
  const relayAudience = flags.relayAudience ?? profile?.relayAudience ?? defaultRelayAudience(relay)
  const singleAudience = flags.singleAudience || profile?.singleAudience === true
  const audienceOf = (cluster: string) =>
    flags.audience ?? profile?.clusters?.[cluster]?.audience ?? (singleAudience ? profile?.relayAudience : undefined)
  const given = clusterTokens(flags, variable, clusters, origin.tokensRead)
  const { issuing } = origin
  const clusterToken = (cluster: string): ClusterTokenSource =>
    given.get(cluster) ??
    (issuing === undefined
      ? missingToken(cluster, several)
      : new IssuedClusterToken({
          issuing,
          cluster,
          audience: audienceOf(cluster),
          defaultAudience: defaultClusterAudience(relay, cluster),
          relayAudience,
          singleAudience,
        }))
  const settings = clusters.map((cluster) => ({
    cluster,
    token: clusterToken(cluster),
    audience: audienceOf(cluster),
    pin: checkedPin(pins.get(cluster)) ?? profile?.clusters?.[cluster]?.pin,
  }))
  return {
    relay,
    profile: origin.named?.name,
    relayToken:
      givenRelayToken(flags, variable, origin.tokensRead) ??
      (singleAudience ? settings[0]?.token : undefined) ??
      (issuing === undefined ? missingRelayToken() : issuedRelayToken(issuing, relayAudience)),
    relayAudience,
    singleAudience,
    clusters: settings,
    port,
    file: flags.file,
    kubeContext: flags.kubeContext,
    merge: flags.merge,
    overwriteExisting: flags.overwriteExisting,
    acceptNewPin: flags.acceptNewPin,
    holdMillis: holdMillis(flags.hold),
    caFile: flags.caFile ?? profile?.caFile,
  }
}

const distinctClusters = (names: readonly string[]) => {
  for (const name of names) checkedClusterName(name)
  if (new Set(names).size !== names.length) throw new UsageWrong({ detail: "a cluster is named twice" })
  return names
}

/** The auth proxy keeps a stream 30 s longer than this: what a flag could add, it would not have any more. */
export const longestHoldSeconds = proxyHoldMillis / 1000

const holdMillis = (seconds: number | undefined): number => {
  if (seconds === undefined) return proxyHoldMillis
  if (seconds >= 1 && seconds <= longestHoldSeconds) return seconds * 1000
  throw new UsageWrong({
    detail: `--hold ${seconds}: expected 1 to ${longestHoldSeconds} seconds; it may only shorten the time`,
  })
}

const checkedPin = (text: string | undefined): Pin | undefined => {
  if (text === undefined || isPin(text)) return text
  throw new UsageWrong({ detail: "--pin or CLUSTERCONNECT_PIN: expected sha256: and 64 hexadecimal digits" })
}
