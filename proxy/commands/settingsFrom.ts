import type { Command } from "@effect/cli"
import { Effect, Option } from "effect"
import { type ClientFailure, clientFailureOf } from "../failures.ts"
import { chooseOrigin, type OriginFlags } from "../settings/chooseOrigin.ts"
import { type Environment, type ProxyFlags, type ProxySettings, proxySettings } from "../settings/ProxySettings.ts"
import { originFlags, places } from "./originOptions.ts"
import type { servingOptions } from "./proxyOptions.ts"

type ServingFlags = Command.Command.ParseConfig<typeof servingOptions>

/** What only some of the commands that serve clusters can be told. */
export interface OwnFlags {
  readonly clusters: readonly string[]
  readonly port?: Option.Option<number>
  readonly file?: Option.Option<string>
  readonly kubeContext?: Option.Option<string>
  readonly merge?: boolean
  readonly overwriteExisting?: boolean
}

/** All flags of a command that serves clusters, as plain values. */
export type GivenFlags = ProxyFlags & OriginFlags

export const givenFlags = (options: ServingFlags & OwnFlags): GivenFlags => ({
  ...originFlags(options),
  clusters: options.clusters,
  token: Option.getOrUndefined(options.token),
  tokenFile: Option.getOrUndefined(options.tokenFile),
  relayTokenFile: Option.getOrUndefined(options.relayTokenFile),
  relayAudience: Option.getOrUndefined(options.relayAudience),
  audience: Option.getOrUndefined(options.audience),
  singleAudience: options.singleAudience,
  port: Option.getOrUndefined(options.port ?? Option.none()),
  file: Option.getOrUndefined(options.file ?? Option.none()),
  kubeContext: Option.getOrUndefined(options.kubeContext ?? Option.none()),
  merge: options.merge ?? false,
  overwriteExisting: options.overwriteExisting ?? false,
  pin: Option.getOrUndefined(options.pin),
  acceptNewPin: options.acceptNewPin,
  hold: Option.getOrUndefined(options.hold),
})

/** The settings that flags, variables and profile make together. Asks nobody for a token yet. */
export const settingsOf = (
  flags: GivenFlags,
  tokensRead?: Readonly<Record<string, string>>,
  environment: Environment = process.env,
): Effect.Effect<ProxySettings, ClientFailure> =>
  Effect.tryPromise({
    try: async () => {
      const origin = await chooseOrigin(flags, environment, places())
      return proxySettings(flags, environment, { ...origin, tokensRead })
    },
    catch: clientFailureOf,
  })

export const settingsFrom = (options: ServingFlags & OwnFlags): Effect.Effect<ProxySettings, ClientFailure> =>
  settingsOf(givenFlags(options))
