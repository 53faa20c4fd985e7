import { isAbsolute } from "node:path"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { UsageWrong } from "../failures.ts"
import { clusterValues } from "../settings/clusterValues.ts"
import type { Environment } from "../settings/ProxySettings.ts"
import { commandWords } from "../tokens/tokenCommand.ts"

/**
 * What a program needs on this machine, the ways out of it, and how logins are kept. None of these says who somebody is but for the
 * home and its folders, which the entry's hash covers (entry.ts).
 */
const ofMachine = new RegExp(
  `^(${[
    "HOME|USER|LOGNAME|SHELL|PATH|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|XDG_.*|DBUS_SESSION_BUS_ADDRESS|CLUSTERCONNECT_KEYRING",
    "USERNAME|USERPROFILE|USERDOMAIN|HOMEDRIVE|HOMEPATH|APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES.*|COMMONPROGRAM.*",
    "SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|TEMP|TMP|COMPUTERNAME|OS|PROCESSOR_.*|NUMBER_OF_PROCESSORS",
    "HTTPS?_PROXY|NO_PROXY|ALL_PROXY|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS",
  ].join("|")})$`,
  "i",
)

/**
 * The variables of an entry's proxy: a shell's own are not among them, so that whoever runs kubectl in whatever shell is the same
 * person in the cluster. What a token command needs is kept in the entry.
 */
export const entryEnvironment = (
  environment: Environment,
  variables: Readonly<Record<string, string>>,
): Environment => ({
  ...Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => ofMachine.test(name) && !Object.keys(variables).some((one) => sameVariable(one, name)),
    ),
  ),
  ...variables,
})

/** Windows knows no difference of case. */
const sameVariable = (one: string, other: string) =>
  one === other || (process.platform === "win32" && one.toLowerCase() === other.toLowerCase())

/** The flags with what variables say where no flag does. @throws {UsageWrong} for tokens that only this shell has */
export const withVariables = (flags: GivenFlags, environment: Environment): GivenFlags => {
  const variable = (name: string) => environment[`CLUSTERCONNECT_${name}`] || undefined
  for (const [file, name] of [
    [flags.tokenFile, "TOKEN"],
    [flags.relayTokenFile, "RELAY_TOKEN"],
  ] as const)
    if (file === undefined && variable(name) !== undefined)
      throw new UsageWrong({
        detail: `kubeconfig: the token in CLUSTERCONNECT_${name} is this shell's, and the entry stays: name a file, or log in`,
      })
  const tokenCommand = flags.tokenCommand ?? variable("TOKEN_COMMAND")
  const [program = ""] = tokenCommand === undefined ? [] : commandWords(tokenCommand)
  if (/[\\/]/.test(program) && !isAbsolute(program))
    throw new UsageWrong({
      detail: `kubeconfig: --token-command ${program} means another program in every folder: give its whole path`,
    })
  const pins = clusterValues("--pin or CLUSTERCONNECT_PIN", flags.pin ?? variable("PIN"), flags.clusters)
  return {
    ...flags,
    profile: flags.profile ?? variable("PROFILE"),
    relay: flags.relay ?? variable("RELAY"),
    tokenFrom: flags.tokenFrom ?? variable("TOKEN_FROM"),
    tokenCommand,
    tokenFile: flags.tokenFile ?? variable("TOKEN_FILE"),
    relayTokenFile: flags.relayTokenFile ?? variable("RELAY_TOKEN_FILE"),
    pin: pins.get(flags.clusters[0] ?? ""),
  }
}
