import { join } from "node:path"
import { OutboundInvalid, proxySettings, type Route, reloadingRoots } from "../../platform/outbound.ts"
import type { Directories } from "../directories.ts"
import { UsageWrong } from "../failures.ts"
import { systemKeyring } from "../login/keyring.ts"
import { loginIssuing } from "../login/loginIssuing.ts"
import { Sessions } from "../login/Sessions.ts"
import { type TokenOrigin, tokenOrigins } from "../profiles/Profile.ts"
import { type NamedProfile, Profiles } from "../profiles/Profiles.ts"
import { ciIssuing, runningIn } from "../tokens/ci/ciIssuing.ts"
import type { Issuing } from "../tokens/Issuing.ts"
import { commandWords, tokenCommand } from "../tokens/tokenCommand.ts"
import { normalisedRelay } from "./normalisedRelay.ts"
import type { Environment, Origin } from "./ProxySettings.ts"

/** The flags that say where settings and tokens come from; undefined where absent. */
export interface OriginFlags {
  readonly profile: string | undefined
  readonly relay: string | undefined
  readonly tokenFrom: string | undefined
  readonly tokenCommand: string | undefined
  readonly caFile: string | undefined
}

export interface ChosenOrigin extends Origin {
  readonly named: NamedProfile | undefined
}

export const profilesOf = ({ configuration }: Directories) => new Profiles(join(configuration, "profiles.json"))

/** CLUSTERCONNECT_KEYRING=off keeps logins in plain 0600 files, where a keyring asks too often or cannot be unlocked. */
export const sessionsOf = ({ configuration }: Directories, environment: Environment) =>
  new Sessions(
    join(configuration, "sessions"),
    environment.CLUSTERCONNECT_KEYRING === "off" ? undefined : systemKeyring,
  )

/** How identity providers and token endpoints are reached. @throws {UsageWrong} */
export const routeOf = (caFile: string | undefined, environment: Environment): Route => {
  try {
    const roots = reloadingRoots(caFile === undefined ? [] : [caFile])
    return {
      proxy: proxySettings(environment),
      get ca() {
        return roots()
      },
    }
  } catch (error) {
    if (error instanceof OutboundInvalid) throw new UsageWrong({ detail: `--ca-file: ${error.message}` })
    throw error
  }
}

/** The profile, and what fetches tokens that were not given. Rejects with UsageWrong or LocalFailure; asks nobody for a token yet. */
export const chooseOrigin = async (
  flags: OriginFlags,
  environment: Environment,
  places: Directories,
): Promise<ChosenOrigin> => {
  const variable = (name: string) => environment[name] || undefined
  const relay = flags.relay ?? variable("CLUSTERCONNECT_RELAY")
  const named = await profilesOf(places).choose({
    name: flags.profile ?? variable("CLUSTERCONNECT_PROFILE"),
    relay: relay === undefined ? undefined : normalisedRelay(relay),
  })
  const command = flags.tokenCommand ?? variable("CLUSTERCONNECT_TOKEN_COMMAND")
  const from = tokenOrigin(flags, variable("CLUSTERCONNECT_TOKEN_FROM"), command, named, environment)
  const route = () => routeOf(flags.caFile ?? named?.profile.caFile, environment)
  return { named, issuing: issuingOf(from, named, command, environment, places, route) }
}

const tokenOrigin = (
  { tokenFrom }: OriginFlags,
  variable: string | undefined,
  command: string | undefined,
  named: NamedProfile | undefined,
  environment: Environment,
): TokenOrigin | undefined => {
  const asked = tokenFrom ?? variable
  if (asked !== undefined) {
    const known = tokenOrigins.find((one) => one === asked)
    if (known !== undefined) return known
    throw new UsageWrong({
      detail: `--token-from or CLUSTERCONNECT_TOKEN_FROM: expected one of ${tokenOrigins.join(", ")}`,
    })
  }
  if (command !== undefined) return "command"
  const { profile } = named ?? {}
  if (profile?.tokenFrom !== undefined) return profile.tokenFrom
  if (profile?.tokenCommand !== undefined) return "command"
  if (profile?.issuer !== undefined) return "login"
  return runningIn(environment)
}

const issuingOf = (
  from: TokenOrigin | undefined,
  named: NamedProfile | undefined,
  command: string | undefined,
  environment: Environment,
  places: Directories,
  route: () => Route,
): Issuing | undefined => {
  if (from === undefined) return undefined
  if (from === "command") {
    const [program, ...rest] = command === undefined ? (named?.profile.tokenCommand ?? []) : commandWords(command)
    if (program === undefined)
      throw new UsageWrong({ detail: "tokens shall come from a command: give it with --token-command" })
    return tokenCommand([program, ...rest], environment)
  }
  if (from !== "login") return ciIssuing(from, environment, route())
  if (named === undefined)
    throw new UsageWrong({
      detail: "tokens shall come from a login, and there is none: clusterconnect login --relay URL …",
    })
  return loginIssuing(named, sessionsOf(places, environment), route())
}
