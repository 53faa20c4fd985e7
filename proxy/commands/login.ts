import { join } from "node:path"
import { Args, Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { defaultRelayAudience } from "../../protocol/names.ts"
import { logIn } from "../login/logIn.ts"
import { loginIssuing } from "../login/loginIssuing.ts"
import { type LoginFlags, loginAudiences, loginProfile } from "../profiles/loginProfile.ts"
import { audienceWays } from "../profiles/Profile.ts"
import { profilesOf, routeOf, sessionsOf } from "../settings/chooseOrigin.ts"
import { normalisedRelay } from "../settings/normalisedRelay.ts"
import { issuedRelayToken } from "../tokens/Issuing.ts"
import { RelayTokenGate } from "../tokens/RelayTokenGate.ts"
import { KnownClusters } from "../trust/KnownClusters.ts"
import { attempt, optionalText, originOptions, places, say } from "./originOptions.ts"

const options = {
  clusters: Args.text({ name: "CLUSTER" }).pipe(
    Args.withDescription("Clusters that the login shall open. They can be added by another login later."),
    Args.repeated,
  ),
  profile: optionalText(
    "profile",
    "PROFILE",
    "Name of these settings. Default: the relay's host. Variable: CLUSTERCONNECT_PROFILE.",
  ),
  relay: originOptions.relay,
  caFile: originOptions.caFile,
  issuer: optionalText("issuer", "URL", "Your identity provider, as its tokens name it: https://…"),
  clientId: optionalText("client-id", "ID", "Id of the public client that is registered there for ClusterConnect."),
  scope: Options.text("scope").pipe(
    Options.withPseudoName("SCOPE"),
    Options.withDescription("Asked for beside openid and offline_access."),
    Options.repeated,
  ),
  audienceIn: Options.choice("audience-in", audienceWays).pipe(
    Options.withDescription(
      "How the provider is asked for an audience: by RFC 8707's parameter (resource), by one of its own, or by a scope. Default: resource; scope with --audience-scope.",
    ),
    Options.optional,
  ),
  audienceScope: optionalText("audience-scope", "SCOPE", "Scope that asks for an audience, with {audience} in it."),
  use: Options.choice("use", ["access-token", "id-token"]).pipe(
    Options.withDescription("Which of the provider's tokens is shown to relay and cluster. Default: the access token."),
    Options.optional,
  ),
  skipConsent: Options.boolean("skip-consent").pipe(
    Options.withDescription(
      "Do not have the provider ask for consent again: for those that give a refresh token all the same, and where users may not consent themselves.",
    ),
  ),
  relayAudience: optionalText(
    "relay-audience",
    "AUDIENCE",
    "Audience of relay tokens. Default: clusterconnect:<relay host>, with the port unless it is 443.",
  ),
  audience: optionalText(
    "audience",
    "[CLUSTER=]AUDIENCE,…",
    "Audience of a cluster's tokens. Default: clusterconnect:<relay host>/<cluster>.",
  ),
  singleAudience: Options.boolean("single-audience").pipe(
    Options.withDescription("One token for relay and cluster. The relay could then act as you in the cluster."),
  ),
  deviceCode: Options.boolean("device-code").pipe(Options.withDescription("Confirm a code on another device.")),
  skipOpenBrowser: Options.boolean("skip-open-browser").pipe(
    Options.withDescription("Print the address instead of opening a browser."),
  ),
} as const

/** `clusterconnect login`: remembers a relay and its identity provider, and logs a person in. */
export const login = Command.make("login", options, (given) =>
  attempt(async () => {
    const environment = process.env
    const here = places()
    const flags = flagsOf(given, environment.CLUSTERCONNECT_PROFILE, environment.CLUSTERCONNECT_RELAY)
    const profiles = profilesOf(here)
    const before = await existing(profiles, flags)
    const named = loginProfile(flags, before)
    const { name, profile } = named
    const known = new KnownClusters(join(here.configuration, "known-clusters.json"))
    const audiences = loginAudiences(profile)
    const route = routeOf(profile.caFile, environment)
    const session = await logIn({
      profile,
      audiences,
      route,
      say,
      situation: {
        platform: process.platform,
        environment,
        terminal: process.stderr.isTTY === true,
        deviceCode: given.deviceCode,
        skipOpenBrowser: given.skipOpenBrowser,
      },
    })
    const sessions = sessionsOf(here, environment)
    const form = await sessions.held(name, ({ replace }) => replace(session))
    await profiles.save(name, (now) =>
      now?.relay === profile.relay ? loginProfile(flags, { name, profile: now }).profile : profile,
    )
    const kept = form === "sealed" ? "sealed by your system's keyring" : "in a file that only you can read"
    say(`Logged in as ${session.subject ?? "somebody"} at ${profile.issuer}; profile ${name}, kept ${kept}`)
    const [relayAudience = "", ...clusterAudiences] = audiences
    // A provider that gives the wrong audience shows now, and not at the first kubectl.
    await new RelayTokenGate({
      source: issuedRelayToken(loginIssuing(named, sessions, route), relayAudience),
      relayAudience,
      defaultRelayAudience: defaultRelayAudience(profile.relay),
      clusterAudiences,
      relay: profile.relay,
      known,
      singleAudience: profile.singleAudience === true,
    }).token()
  }).pipe(Effect.asVoid),
).pipe(
  Command.withDescription(
    described("Remember a relay and its identity provider, and log in.", {
      examples: [
        [
          "clusterconnect login --relay https://relay.example.com --issuer https://id.example.com --client-id clusterconnect edge-1",
          "The first time: what is given is remembered as a profile.",
        ],
        ["clusterconnect login edge-1 edge-2", "Later: log in again, for these clusters."],
        ["clusterconnect login --device-code", "On a machine without a browser."],
      ],
    }),
  ),
)

type Given = Command.Command.ParseConfig<typeof options>

const flagsOf = (given: Given, profile: string | undefined, relay: string | undefined): LoginFlags => ({
  clusters: given.clusters,
  profile: Option.getOrUndefined(given.profile) ?? (profile || undefined),
  // As profiles have it: with another spelling it is the same relay.
  relay: Option.getOrUndefined(
    Option.map(
      Option.orElse(given.relay, () => Option.fromNullable(relay || undefined)),
      normalisedRelay,
    ),
  ),
  issuer: Option.getOrUndefined(given.issuer),
  clientId: Option.getOrUndefined(given.clientId),
  scopes: given.scope,
  audienceIn: Option.getOrUndefined(given.audienceIn),
  audienceScope: Option.getOrUndefined(given.audienceScope),
  use: Option.getOrUndefined(given.use),
  skipConsent: given.skipConsent,
  relayAudience: Option.getOrUndefined(given.relayAudience),
  audience: Option.getOrUndefined(given.audience),
  singleAudience: given.singleAudience,
  caFile: Option.getOrUndefined(given.caFile),
})

/** The profile that the login renews: the one of that name, whatever its relay was, else the one for that relay, else the current one. */
const existing = async (profiles: ReturnType<typeof profilesOf>, { profile, relay }: LoginFlags) => {
  if (profile === undefined) return await profiles.choose({ relay })
  const known = (await profiles.all()).profiles
  const before = Object.hasOwn(known, profile) ? known[profile] : undefined
  return before === undefined || (relay !== undefined && before.relay !== relay)
    ? undefined
    : { name: profile, profile: before }
}
