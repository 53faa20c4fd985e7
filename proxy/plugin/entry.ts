import { createHash } from "node:crypto"
import { resolve } from "node:path"
import { ownCommand } from "../../platform/ownCommand.ts"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { UsageWrong } from "../failures.ts"
import type { Plugin } from "../kubeconfig/kubeconfig.ts"
import { clusterValues } from "../settings/clusterValues.ts"
import { credentialWord } from "./execInfo.ts"

/** What a kubeconfig's entry says beside the settings of a proxy. */
export interface EntryRules {
  readonly port: number
  /** The proxy ends by itself after so long without a connection; 0 is never. */
  readonly idleSeconds: number
}

/** The plugin of an entry: the same settings in every folder and for every process, and no secret among them. @throws {UsageWrong} */
export const pluginOf = (flags: GivenFlags, relay: string, { port, idleSeconds }: EntryRules): Plugin => {
  const [command, ...own] = ownCommand()
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
    port,
    idle: idleSeconds,
  }
  const options = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]))
  const single = flags.singleAudience ? ["--single-audience"] : []
  return { command, args: [...own, credentialWord, ...clusters, ...options, ...single] }
}

/** Two entries with this in common are served by one proxy. */
export const entryHash = (flags: GivenFlags, rules: EntryRules): string =>
  createHash("sha256")
    .update(JSON.stringify([Object.entries(flags).toSorted(([one], [other]) => one.localeCompare(other)), rules]))
    .digest("hex")

const absolute = (path: string | undefined) => (path === undefined ? undefined : resolve(path))

/** Seconds without a connection; @throws {UsageWrong} */
export const checkedIdle = (seconds: number): number => {
  if (seconds === 0 || (seconds >= 60 && seconds <= 86_400)) return seconds
  throw new UsageWrong({ detail: `--idle ${seconds}: expected 60 to 86400 seconds, or 0 for never` })
}
