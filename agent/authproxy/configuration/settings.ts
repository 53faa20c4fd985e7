import { Data, Either } from "effect"
import type { EntriesRefused } from "../../../identity/entryFaults.ts"
import type { JwtEntry } from "../../../identity/JwtEntry.ts"
import { checkEntries, sharedAudience, withDefaultAudience } from "../../../identity/mappingFaults.ts"
import { defaultClusterAudience, defaultRelayAudience, relayUrl } from "../../../protocol/names.ts"
import type { AuthProxyConfiguration } from "./AuthProxyConfiguration.ts"

const fault = <const Tag extends string>(tag: Tag, explanation: string) =>
  class extends Data.TaggedError(tag)<{ readonly detail?: string }> {
    override get message() {
      return this.detail === undefined ? explanation : `${explanation}: ${this.detail}`
    }
  }

export class RelayUrlInvalid extends fault("RelayUrlInvalid", "relay.url is not usable") {}
export class ApiServerUrlInvalid extends fault("ApiServerUrlInvalid", "apiServer.url must be https://host[:port]") {}
export class ApiServerUnknown extends fault(
  "ApiServerUnknown",
  "apiServer.url is required outside a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set)",
) {}
export class AudienceShared extends fault(
  "AudienceShared",
  "an entry of authentication.jwt accepts an audience of the relay; the relay could use such a token as the caller. Name another audience, or set authentication.allowRelayAudience",
) {}
/** A change that a running auth proxy cannot make; the last good configuration stays in force. */
export class RestartNeeded extends fault("RestartNeeded", "this takes effect only in a new process") {}

export type SettingsRefused =
  | RelayUrlInvalid
  | ApiServerUrlInvalid
  | ApiServerUnknown
  | AudienceShared
  | RestartNeeded
  | EntriesRefused

/** Streams that have not ended, suspended ones included; a kubectl uses one to three. */
const defaultStreamsPerCaller = 256
const defaultStreams = 2_000
const defaultWindowBytes = 128 * 1024 * 1024

/** Where Kubernetes mounts a pod's service account. */
const mounted = "/var/run/secrets/kubernetes.io/serviceaccount"

/** The configuration with its defaults filled in and its parts checked against each other. */
export interface Settings {
  readonly clusterName: string
  readonly entries: readonly JwtEntry[]
  readonly refusedAudiences: readonly string[]
  readonly maxSessionMillis: number
  readonly impersonation: AuthProxyConfiguration["impersonation"]
  readonly allowRelayAudience: boolean
  readonly apiServer: { readonly url: URL; readonly caFile: string; readonly tokenFile: string }
  readonly limits: Limits
}

/** What a process takes from the file once, when it begins. */
export interface Limits {
  readonly streamsPerCaller: number
  readonly streams: number
  readonly windowBytes: number
}

export const settingsOf = (
  configuration: AuthProxyConfiguration,
  environment: Readonly<Record<string, string | undefined>>,
): Either.Either<Settings, SettingsRefused> =>
  Either.gen(function* () {
    const { clusterName, relay, authentication, impersonation, limits } = configuration
    const url = yield* Either.try({
      try: () => relayUrl(relay.url),
      catch: (error) => new RelayUrlInvalid({ detail: (error as Error).message }),
    })
    const relayAudiences = relay.audiences ?? [defaultRelayAudience(url)]
    const { allowRelayAudience, maxSessionSeconds } = authentication
    const entries = yield* checkEntries(
      withDefaultAudience(authentication.jwt, defaultClusterAudience(url, clusterName)),
    )
    const shared = sharedAudience(entries, relayAudiences)
    if (shared !== undefined && !allowRelayAudience)
      return yield* Either.left(
        new AudienceShared({ detail: `entry ${shared.entry.name}, audience ${shared.audience}` }),
      )
    return {
      clusterName,
      entries,
      refusedAudiences: allowRelayAudience ? [] : relayAudiences,
      maxSessionMillis: maxSessionSeconds * 1000,
      impersonation,
      allowRelayAudience,
      apiServer: {
        url: yield* apiServerUrl(configuration.apiServer?.url, environment),
        caFile: configuration.apiServer?.caFile ?? `${mounted}/ca.crt`,
        tokenFile: configuration.apiServer?.tokenFile ?? `${mounted}/token`,
      },
      limits: {
        streamsPerCaller: limits?.streamsPerCaller ?? defaultStreamsPerCaller,
        streams: limits?.streams ?? defaultStreams,
        windowBytes: limits?.windowBytes ?? defaultWindowBytes,
      },
    }
  })

const apiServerUrl = (
  given: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Either.Either<URL, ApiServerUrlInvalid | ApiServerUnknown> => {
  const host = environment.KUBERNETES_SERVICE_HOST
  const port = environment.KUBERNETES_SERVICE_PORT
  if (given === undefined && (!host || !port)) return Either.left(new ApiServerUnknown({}))
  const text = given ?? `https://${host?.includes(":") ? `[${host}]` : host}:${port}`
  if (!URL.canParse(text)) return Either.left(new ApiServerUrlInvalid({ detail: text }))
  const url = new URL(text)
  const plain =
    url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === ""
  return url.protocol === "https:" && plain ? Either.right(url) : Either.left(new ApiServerUrlInvalid({ detail: text }))
}

/**
 * Refuses the file of another cluster: its entries say who may come into that one. Nothing else may be a reason here, for who was removed from a refused
 * file still comes in.
 */
export const mayFollow = (next: Settings, first: Settings): Either.Either<void, RestartNeeded> =>
  next.clusterName === first.clusterName
    ? Either.void
    : Either.left(new RestartNeeded({ detail: `clusterName was ${first.clusterName}` }))

export const sameLimits = (one: Limits, other: Limits): boolean =>
  one.streamsPerCaller === other.streamsPerCaller &&
  one.streams === other.streams &&
  one.windowBytes === other.windowBytes
