import { Command, Options } from "@effect/cli"
import { Option } from "effect"
import { described } from "../../platform/commandLine.ts"
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
