import { homedir } from "node:os"
import { Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { defaultsTo } from "../../platform/commandLine.ts"
import { directories } from "../directories.ts"
import { clientFailureOf } from "../failures.ts"
import { printable } from "../printable.ts"
import { tokenOrigins } from "../profiles/Profile.ts"
import type { OriginFlags } from "../settings/chooseOrigin.ts"
import { normalisedRelay } from "../settings/normalisedRelay.ts"

/** An option that takes text of a form: `PATH` is completed as one. */
export const optionalText = (name: string, form: string, description: string) =>
  Options.text(name).pipe(Options.withPseudoName(form), Options.withDescription(description), Options.optional)

/** Flags that say which relay, and where tokens come from: the same for every command that speaks to a relay. */
export const originOptions = {
  profile: optionalText(
    "profile",
    "PROFILE",
    "Settings made by `clusterconnect login`. Default: the one for the relay, else the current one. Variable: CLUSTERCONNECT_PROFILE.",
  ),
  relay: optionalText("relay", "URL", "The relay, https://HOST[:PORT]. Variable: CLUSTERCONNECT_RELAY."),
  tokenCommand: optionalText(
    "token-command",
    "WORDS",
    "Program that prints a token for the audience {audience}; run without a shell whenever one is needed. Variable: CLUSTERCONNECT_TOKEN_COMMAND.",
  ),
  tokenFrom: Options.choice("token-from", tokenOrigins).pipe(
    Options.withDescription("Where tokens come from. Default: what fits. Variable: CLUSTERCONNECT_TOKEN_FROM."),
    Options.optional,
  ),
  caFile: optionalText(
    "ca-file",
    "PATH",
    "PEM certificates of authorities to trust for relay and issuer, beside the system's.",
  ),
} as const

/** Flags for commands that need nothing but a token for the relay. */
export const relayTokenOptions = {
  relayTokenFile: optionalText(
    "relay-token-file",
    "PATH",
    "File with your token for the relay; - is standard input. Variables: CLUSTERCONNECT_RELAY_TOKEN_FILE, CLUSTERCONNECT_RELAY_TOKEN.",
  ),
  relayAudience: optionalText(
    "relay-audience",
    "AUDIENCE",
    "Audience of relay tokens. Default: clusterconnect:<relay host>, with the port unless it is 443.",
  ),
} as const

export const clusterAudienceOption = optionalText(
  "audience",
  "AUDIENCE",
  "Audience of the cluster's tokens: fetched ones are for it. One that you give is checked for it where it is named, here or in the profile, else for what the cluster's document names. Default: the profile's, else clusterconnect:<relay host>/<cluster>.",
)

export const outputOption = (description = "Form of what goes to standard output.") =>
  Options.choice("output", ["text", "json"]).pipe(Options.withDescription(description), defaultsTo("text"))

export const originFlags = (
  options: {
    readonly [Name in keyof OriginFlags]: Option.Option<string>
  },
): OriginFlags => ({
  profile: Option.getOrUndefined(options.profile),
  relay: Option.getOrUndefined(options.relay),
  tokenFrom: Option.getOrUndefined(options.tokenFrom),
  tokenCommand: Option.getOrUndefined(options.tokenCommand),
  caFile: Option.getOrUndefined(options.caFile),
})

/** The relay that was named, as running proxies tell it. @throws {UsageWrong} */
export const relayOf = (relay: Option.Option<string>): string | undefined =>
  Option.getOrUndefined(Option.map(relay, normalisedRelay))

export const places = () => directories({ platform: process.platform, home: homedir(), environment: process.env })

/** A command's work as an effect that fails with what has an exit code. */
export const attempt = <A>(body: () => A | Promise<A>) =>
  Effect.tryPromise({ try: async () => await body(), catch: clientFailureOf })

/** What a person reads, whoever wrote parts of it; standard output carries only what was asked for. */
export const say = (line: string): void => {
  process.stderr.write(`${printable(line)}\n`)
}

export const writeOut = (text: string): Promise<void> =>
  new Promise((resolve, reject) => process.stdout.write(text, (error) => (error ? reject(error) : resolve())))
