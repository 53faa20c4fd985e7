import { isAbsolute } from "node:path"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { UsageWrong } from "../failures.ts"
import { clusterValues } from "../settings/clusterValues.ts"
import type { Environment } from "../settings/ProxySettings.ts"
import { commandWords } from "../tokens/tokenCommand.ts"

/** How logins are kept belongs to the machine, not to a shell. */
const ofMachine = "CLUSTERCONNECT_KEYRING"

/** What a CI system gives a job to prove itself with, and by which it is known: that is for `run`, and goes with the job. */
const ofJob = /^(ACTIONS_ID_TOKEN_.*|GITHUB_ACTIONS|GITLAB_CI|TF_BUILD|SYSTEM_.*)$/

/**
 * Without our variables, and those of a CI job: an entry has all its settings in itself, so that whoever runs kubectl in whatever shell is the same person
 * in the cluster.
 */
export const entryEnvironment = (environment: Environment): Environment =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => name === ofMachine || !(name.startsWith("CLUSTERCONNECT_") || ofJob.test(name)),
    ),
  )

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
