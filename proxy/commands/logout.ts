import { Command, Options } from "@effect/cli"
import { Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { runningFolder } from "../control/controlPlace.ts"
import { type Running, runningProxies } from "../control/runningProxies.ts"
import { type LoggedOut, logOut } from "../login/logOut.ts"
import { profilesOf, routeOf, sessionsOf } from "../settings/chooseOrigin.ts"
import { attempt, originOptions, places, say } from "./originOptions.ts"

const options = {
  profile: originOptions.profile,
  all: Options.boolean("all").pipe(Options.withDescription("End every login that is kept here.")),
} as const

/** `clusterconnect logout`: revokes the login at the provider and removes it here; the profile's settings stay. */
export const logout = Command.make("logout", options, ({ profile, all }) =>
  attempt(async () => {
    const here = places()
    const profiles = profilesOf(here)
    const named = Option.getOrUndefined(profile) ?? (process.env.CLUSTERCONNECT_PROFILE || undefined)
    const chosen = all ? undefined : await profiles.choose({ name: named })
    const sessions = sessionsOf(here, process.env)
    // Also those whose settings are gone: their refresh tokens are not.
    const names = all ? await sessions.profiles() : chosen === undefined ? [] : [chosen.name]
    if (names.length === 0) say("Nobody is logged in")
    const file = await profiles.all()
    for (const name of names) {
      const route = routeOf(file.profiles[name]?.caFile, process.env)
      say(`Profile ${name}: ${outcome(await logOut(name, sessions, route))}`)
    }
    const relays = new Set(names.flatMap((name) => file.profiles[name]?.relay ?? []))
    for (const line of stillServing(await runningProxies(runningFolder(here)), relays)) say(line)
  }),
).pipe(
  Command.withDescription(
    described("Revoke the login at the identity provider and remove it.", {
      examples: [
        ["clusterconnect logout", "End the current profile's login; its settings stay."],
        ["clusterconnect logout --all", "End every login that is kept here."],
      ],
    }),
  ),
)

/** A proxy goes on with the tokens that it holds until they end: whoever leaves a machine wants to know. */
const stillServing = (running: readonly Running[], relays: ReadonlySet<string>): readonly string[] =>
  running.flatMap(({ status }) => {
    if (status === undefined || !relays.has(status.relay)) return []
    const clusters = status.clusters.map(({ cluster }) => cluster).join(", ")
    const end = status.background
      ? `end it with \`clusterconnect stop ${status.clusters[0]?.cluster ?? ""}\``
      : "Ctrl-C ends it"
    return [`A proxy (pid ${status.pid}) still serves ${clusters} with the tokens that it holds: ${end}`]
  })

const outcome = (out: LoggedOut): string => {
  switch (out.was) {
    case "not logged in":
      return "nobody was logged in"
    case "revoked":
      return "logged out; the login is revoked at the identity provider"
    case "nothing to revoke":
      return "logged out"
    case "no revocation offered":
      return "removed here. The identity provider offers no revocation: tokens end by themselves"
    case "removed only":
      return `removed here, but NOT revoked at the identity provider: ${out.failure.message}`
  }
}
