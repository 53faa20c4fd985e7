import { createHash } from "node:crypto"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import { ownCommand } from "../../platform/ownCommand.ts"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { directories } from "../directories.ts"
import { UsageWrong } from "../failures.ts"
import type { Plugin } from "../kubeconfig/kubeconfig.ts"
import { clusterValues } from "../settings/clusterValues.ts"
import type { Environment } from "../settings/ProxySettings.ts"
import { credentialWord } from "./execInfo.ts"

/** What a kubeconfig's entry says beside the settings of a proxy. */
export interface EntryRules {
  readonly port: number
  /** The proxy ends by itself after so long without a connection; 0 is never. */
  readonly idleSeconds: number
  /** Of a token command, with their values: the proxy gets these, whichever shell it is started from. */
  readonly variables: Readonly<Record<string, string>>
}

/** The plugin of an entry: the same settings in every folder and for every process, and no secret among them. @throws {UsageWrong} */
export const pluginOf = (flags: GivenFlags, relay: string, rules: EntryRules): Plugin => {
  const [command, ...own] = ownCommand()
  const { port, idleSeconds } = rules
  const ofRules = [`--port=${port}`, `--idle=${idleSeconds}`, ...variableWords(rules)]
  const args = [...own, credentialWord, ...settingWords(flags, relay), ...ofRules]
  return { command, args, relay, cluster: flags.clusters[0] ?? "" }
}

/** Only what is set: an option that a later version knows changes no entry of today. */
const settingWords = (flags: GivenFlags, relay: string): readonly string[] => {
  const { clusters } = flags
  const tokenFile = clusterValues("--token-file", flags.tokenFile, clusters).get(clusters[0] ?? "")
  const values: Readonly<Record<string, string | number | undefined>> = {
    relay,
    profile: flags.profile,
    "token-from": flags.tokenFrom,
    "token-command": flags.tokenCommand,
    "ca-file": absolute(flags.caFile),
    "token-file": absolute(tokenFile),
    "relay-token-file": absolute(flags.relayTokenFile),
    "relay-audience": flags.relayAudience,
    audience: flags.audience,
    pin: flags.pin,
    hold: flags.hold,
  }
  const options = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]))
  return [...clusters, ...options, ...(flags.singleAudience ? ["--single-audience"] : [])]
}

const variableWords = ({ variables }: Pick<EntryRules, "variables">) =>
  Object.entries(variables)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `--variable=${name}=${value}`)

/** Where logins, profiles and a token command's own files are, however the environment says so. @throws {LocalFailure} */
const foldersOf = (environment: Environment): readonly string[] => {
  const home = resolve(environment.HOME || environment.USERPROFILE || homedir())
  const { configuration } = directories({ platform: process.platform, home, environment })
  const data = environment.XDG_DATA_HOME ?? ""
  return [home, resolve(configuration), isAbsolute(data) ? resolve(data) : join(home, ".local", "share")]
}

/**
 * What decides who an entry is, as text: its settings, and where this shell has its logins. The relay is the flags' own.
 * @throws {UsageWrong}
 */
export const entryIdentity = (
  flags: GivenFlags,
  rules: Pick<EntryRules, "variables">,
  environment: Environment = process.env,
): string => {
  const settings = [...settingWords(flags, flags.relay ?? ""), ...variableWords(rules)].toSorted()
  return JSON.stringify([settings, foldersOf(environment)])
}

/** Two entries with this in common are served by one proxy. */
export const entryHash = (flags: GivenFlags, rules: EntryRules, environment: Environment = process.env): string =>
  createHash("sha256")
    .update(JSON.stringify([entryIdentity(flags, rules, environment), rules.port, rules.idleSeconds]))
    .digest("hex")

const absolute = (path: string | undefined) => (path === undefined ? undefined : resolve(path))

/** Seconds without a connection; @throws {UsageWrong} */
export const checkedIdle = (seconds: number): number => {
  if (seconds === 0 || (seconds >= 60 && seconds <= 86_400)) return seconds
  throw new UsageWrong({ detail: `--idle ${seconds}: expected 60 to 86400 seconds, or 0 for never` })
}
