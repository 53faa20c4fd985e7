import { resolve } from "node:path"
import { Either, ParseResult, Schema } from "effect"
import { defaultClusterAudience, defaultRelayAudience } from "../../protocol/names.ts"
import { UsageWrong } from "../failures.ts"
import { checkedClusterName } from "../settings/checkedClusterName.ts"
import { clusterValues } from "../settings/clusterValues.ts"
import { normalisedRelay } from "../settings/normalisedRelay.ts"
import { Profile } from "./Profile.ts"
import type { NamedProfile } from "./Profiles.ts"
import { checkedProfileName, profileNameOf } from "./profileName.ts"

/** The flags of `login` as given; undefined where a flag is absent. */
export interface LoginFlags {
  readonly clusters: readonly string[]
  readonly profile: string | undefined
  readonly relay: string | undefined
  readonly issuer: string | undefined
  readonly clientId: string | undefined
  readonly scopes: readonly string[]
  readonly audienceIn: string | undefined
  readonly audienceScope: string | undefined
  readonly use: string | undefined
  readonly skipConsent: boolean
  readonly relayAudience: string | undefined
  /** `[CLUSTER=]VALUE,…` */
  readonly audience: string | undefined
  readonly singleAudience: boolean
  readonly caFile: string | undefined
}

const decode = Schema.decodeUnknownEither(Profile, { onExcessProperty: "error" })

/** The profile after this login: what was there, with what the flags say in its place. @throws {UsageWrong} */
export const loginProfile = (flags: LoginFlags, before: NamedProfile | undefined): NamedProfile => {
  if (flags.profile !== undefined) checkedProfileName(flags.profile)
  for (const name of flags.clusters) checkedClusterName(name)
  const relay = normalisedRelay(flags.relay ?? before?.profile.relay)
  const audiences = clusterValues("--audience", flags.audience, flags.clusters)
  const meant = (flags.audience ?? "").split(",").filter((part) => part.trim() !== "")
  if (meant.length > audiences.size)
    throw new UsageWrong({
      detail: "--audience: each value is for a cluster of this login: login --audience edge-1=AUDIENCE edge-1",
    })
  const clusters = { ...before?.profile.clusters }
  for (const name of flags.clusters) {
    const audience = audiences.get(name)
    clusters[name] = { ...clusters[name], ...(audience === undefined ? {} : { audience }) }
  }
  const given = {
    issuer: flags.issuer,
    clientId: flags.clientId,
    scopes: flags.scopes.length > 0 ? flags.scopes : undefined,
    audienceIn: flags.audienceIn ?? (flags.audienceScope === undefined ? undefined : "scope"),
    audienceScope: flags.audienceScope,
    use: flags.use,
    skipConsent: flags.skipConsent || undefined,
    relayAudience: flags.relayAudience,
    singleAudience: flags.singleAudience || undefined,
    // The profile is used in other folders.
    caFile: flags.caFile === undefined ? undefined : resolve(flags.caFile),
  }
  const profile = Either.getOrThrowWith(
    decode({
      ...before?.profile,
      relay,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      ...(Object.keys(clusters).length > 0 ? { clusters } : {}),
    }),
    (error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      const flag = String(issue?.path[0] ?? "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      return new UsageWrong({ detail: `--${flag}: ${issue?.message ?? "not as expected"}` })
    },
  )
  if (profile.issuer === undefined || profile.clientId === undefined)
    throw new UsageWrong({
      detail: "which identity provider? Give --issuer https://… and --client-id ID; they are remembered with the relay",
    })
  return { name: flags.profile ?? before?.name ?? profileNameOf(relay), profile }
}

/** All audiences that tokens shall be had for after the login; the relay's first. None comes from a document. */
export const loginAudiences = (profile: Profile): readonly string[] => {
  const relayAudience = profile.relayAudience ?? defaultRelayAudience(profile.relay)
  if (profile.singleAudience) return [relayAudience]
  const ofClusters = Object.entries(profile.clusters ?? {}).map(
    ([name, { audience }]) => audience ?? defaultClusterAudience(profile.relay, name),
  )
  return [...new Set([relayAudience, ...ofClusters])]
}
