import { join } from "node:path"
import type { Route } from "../../platform/outbound.ts"
import { defaultClusterAudience, defaultRelayAudience } from "../../protocol/names.ts"
import type { Directories } from "../directories.ts"
import { type ChosenOrigin, chooseOrigin, type OriginFlags, routeOf } from "../settings/chooseOrigin.ts"
import { type Environment, type ProxyFlags, type ProxySettings, proxySettings } from "../settings/ProxySettings.ts"
import { RelayTokenGate } from "../tokens/RelayTokenGate.ts"
import { KnownClusters } from "../trust/KnownClusters.ts"

/** Everything with which a command speaks to the relay alone. */
export interface RelayAccess {
  readonly settings: ProxySettings
  readonly origin: ChosenOrigin
  readonly route: Route
  readonly gate: RelayTokenGate
  readonly known: KnownClusters
}

export interface RelayAccessFlags extends OriginFlags, Partial<Omit<ProxyFlags, keyof OriginFlags>> {}

/** The same rules for relay, token and audience as `proxy` has. Rejects with a ClientFailure. */
export const relayAccess = async (
  flags: RelayAccessFlags,
  environment: Environment,
  here: Directories,
): Promise<RelayAccess> => accessOf(await chooseOrigin(flags, environment, here), flags, environment, here)

/** The same, where it is known already where tokens come from. */
export const accessOf = async (
  origin: ChosenOrigin,
  flags: RelayAccessFlags,
  environment: Environment,
  here: Directories,
): Promise<RelayAccess> => {
  const settings = proxySettings({ ...nothingElse, ...flags }, environment, origin)
  const known = new KnownClusters(join(here.configuration, "known-clusters.json"))
  const ofProfile = origin.named?.profile.clusters ?? {}
  const named = [...settings.clusters.map(({ cluster }) => cluster), ...Object.keys(ofProfile)]
  const gate = new RelayTokenGate({
    source: settings.relayToken,
    relayAudience: settings.relayAudience,
    defaultRelayAudience: defaultRelayAudience(settings.relay),
    clusterAudiences: [
      ...named.map((cluster) => defaultClusterAudience(settings.relay, cluster)),
      ...Object.values(ofProfile).flatMap(({ audience }) => audience ?? []),
      ...settings.clusters.flatMap(({ audience }) => audience ?? []),
    ],
    relay: settings.relay,
    known,
    singleAudience: settings.singleAudience,
  })
  return { settings, origin, route: routeOf(settings.caFile, environment), gate, known }
}

const nothingElse: Omit<ProxyFlags, "relay" | "caFile"> = {
  clusters: [],
  token: undefined,
  tokenFile: undefined,
  relayTokenFile: undefined,
  relayAudience: undefined,
  audience: undefined,
  singleAudience: false,
  port: undefined,
  file: undefined,
  kubeContext: undefined,
  merge: false,
  overwriteExisting: false,
  pin: undefined,
  acceptNewPin: false,
  hold: undefined,
}
