import { join } from "node:path"
import { clusterNamePattern, path } from "../../protocol/names.ts"
import type { Directories } from "../directories.ts"
import { keptIssuing } from "../login/loginIssuing.ts"
import { Sessions } from "../login/Sessions.ts"
import type { NamedProfile } from "../profiles/Profiles.ts"
import { callRelay } from "../relay/callRelay.ts"
import { accessOf } from "../relay/relayAccess.ts"
import { ClusterList, decodedAnswer } from "../relay/relayAnswers.ts"
import { profilesOf } from "../settings/chooseOrigin.ts"
import { normalisedRelay } from "../settings/normalisedRelay.ts"
import type { Environment } from "../settings/ProxySettings.ts"
import { KnownClusters } from "../trust/KnownClusters.ts"
import { ListedClusters, maxNames } from "./ListedClusters.ts"

/** A shell waits so long for the relay, and no longer. */
const relayMillis = 1_000
/** 5,000 names of 40 characters with their numbers of sessions are 0.4 MB; a shell waits for no longer list. */
const maxListBytes = 1024 * 1024

/** What of the command line says which relay, and as whom. */
export interface Asking {
  readonly profile: string | undefined
  readonly relay: string | undefined
  readonly caFile: string | undefined
  readonly relayTokenFile: string | undefined
  readonly relayAudience: string | undefined
}

/**
 * Names of clusters for a shell that waits: the relay's list, if a token for it is at hand and it answers in time, else those
 * that are remembered here: with a pin, in the profile, or as the relay listed them last. Never asks a person, a keyring, an identity provider or a command for a token. Rejects when it
 * cannot be known which relay is meant.
 */
export const clusterNames = async (
  asking: Asking,
  environment: Environment,
  here: Directories,
  withinMillis = relayMillis,
): Promise<readonly string[]> => {
  const given = asking.relay ?? (environment.CLUSTERCONNECT_RELAY || undefined)
  const named = await profilesOf(here).choose({
    name: asking.profile ?? (environment.CLUSTERCONNECT_PROFILE || undefined),
    relay: given === undefined ? undefined : normalisedRelay(given),
  })
  const relay = normalisedRelay(given ?? named?.profile.relay)
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), withinMillis)
  const listed = await Promise.race([
    relayList(asking, named, environment, here).catch(() => undefined),
    late.promise,
  ]).finally(() => clearTimeout(timer))
  // A person may have edited what is remembered; the shell gets nothing but names.
  return (listed ?? (await remembered(relay, named, here))).filter((name) => clusterNamePattern.test(name))
}

const relayList = async (
  { relayTokenFile, ...asking }: Asking,
  named: NamedProfile | undefined,
  environment: Environment,
  here: Directories,
) => {
  // Standard input is the shell's; a login that a keyring seals may only be opened when a person expects to be asked.
  const sessions = new Sessions(join(here.configuration, "sessions"), undefined)
  const issuing = named === undefined ? undefined : keptIssuing(named, sessions)
  const flags = { ...asking, tokenFrom: undefined, tokenCommand: undefined }
  const file = relayTokenFile === "-" ? undefined : relayTokenFile
  const access = await accessOf({ named, issuing }, { ...flags, relayTokenFile: file }, environment, here)
  const { clusters } = decodedAnswer(
    access.settings.relay,
    ClusterList,
    await callRelay(access, path.clusters, { maxAnswerBytes: maxListBytes }),
  )
  return clusters.slice(0, maxNames).map(({ clusterName }) => clusterName)
}

const remembered = async (relay: string, named: NamedProfile | undefined, here: Directories) => {
  const known = await new KnownClusters(join(here.configuration, "known-clusters.json")).names(relay)
  const ofProfile = Object.keys(named?.profile.clusters ?? {})
  return [...new Set([...known, ...ofProfile, ...(await new ListedClusters(here).names(relay))])]
}
