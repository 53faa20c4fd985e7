import { join } from "node:path"
import { Data } from "effect"
import { type ProxySettings, proxySettings } from "../../platform/outbound.ts"
import { clusterNamePattern, safeRelayUrl } from "../../protocol/names.ts"
import type { Target } from "./carriers/AuthProxies.ts"
import type { CredentialFiles } from "./credentials.ts"

/** Flags, or the environment where a flag is absent, that cannot be used. */
export class SettingsInvalid extends Data.TaggedError("SettingsInvalid")<{ readonly problems: readonly string[] }> {
  override get message(): string {
    return `the agent cannot start:\n${this.problems.map((problem) => `  - ${problem}`).join("\n")}`
  }
}

/** The command line as it was typed; every value may come from the environment instead. */
export interface TunnelFlags {
  readonly relay?: string | undefined
  readonly cluster?: string | undefined
  readonly dir?: string | undefined
  readonly sessionKey?: string | undefined
  readonly document?: string | undefined
  readonly authProxy: readonly string[]
  readonly authProxyAll: readonly string[]
  readonly caFile: readonly string[]
  readonly healthListen?: string | undefined
}

export interface TunnelSettings {
  /** Normalised. Absent: the relay and cluster that the document names. */
  readonly relayUrl: string | undefined
  readonly cluster: string | undefined
  readonly files: CredentialFiles
  readonly authProxies: readonly Target[]
  readonly allAuthProxies: readonly Target[]
  readonly caFiles: readonly string[]
  readonly proxy: ProxySettings
  readonly health: Target
}

type Environment = Readonly<Record<string, string | undefined>>

/** Loopback, because nobody is authenticated there; a pod is given 0.0.0.0. Not the auth proxy's port: both may run on one host. */
export const defaultHealthListen = "127.0.0.1:8082"

/** Flags first, then `CLUSTERCONNECT_…`. Throws {@link SettingsInvalid} naming everything that is wrong at once. */
export const tunnelSettings = (flags: TunnelFlags, env: Environment): TunnelSettings => {
  const problems: string[] = []
  const one = (flag: string | undefined, name: string) => flag ?? (env[name] || undefined)
  const many = (flag: readonly string[], name: string) =>
    flag.length > 0
      ? flag
      : (env[name] ?? "")
          .split(",")
          .map((part) => part.trim())
          .filter((part) => part !== "")
  const attempt = <A>(parse: () => A): A | undefined => {
    try {
      return parse()
    } catch (error) {
      problems.push((error as Error).message)
      return undefined
    }
  }
  const targets = (what: string, texts: readonly string[]) =>
    texts.flatMap((text) => attempt(() => target(what, text)) ?? [])

  const relay = one(flags.relay, "CLUSTERCONNECT_RELAY")
  const cluster = one(flags.cluster, "CLUSTERCONNECT_CLUSTER")
  const dir = one(flags.dir, "CLUSTERCONNECT_DIR")
  const inDir = (name: string) => (dir === undefined ? undefined : join(dir, name))
  const sessionKeyFile = one(flags.sessionKey, "CLUSTERCONNECT_SESSION_KEY_FILE") ?? inDir("session.key")
  const documentFile = one(flags.document, "CLUSTERCONNECT_DOCUMENT_FILE") ?? inDir("document")
  const authProxies = targets("--auth-proxy", many(flags.authProxy, "CLUSTERCONNECT_AUTH_PROXY"))
  const all = targets("--auth-proxy-all", many(flags.authProxyAll, "CLUSTERCONNECT_AUTH_PROXY_ALL"))
  const healthText = one(flags.healthListen, "CLUSTERCONNECT_HEALTH_LISTEN") ?? defaultHealthListen
  const health = attempt(() => target("--health-listen", healthText, 0))
  const normalised = relay === undefined ? undefined : attempt(() => safeRelayUrl(relay))

  if (cluster !== undefined && !clusterNamePattern.test(cluster))
    problems.push(`--cluster ${cluster}: expected 1 to 40 lower-case letters, digits and inner hyphens`)
  if (sessionKeyFile === undefined) problems.push("--session-key FILE (or --dir DIR) is missing")
  if (documentFile === undefined) problems.push("--document FILE (or --dir DIR) is missing")
  if (authProxies.length === 0 && !problems.some((problem) => problem.startsWith("--auth-proxy ")))
    problems.push("--auth-proxy HOST:PORT is missing")
  if (problems.length > 0 || sessionKeyFile === undefined || documentFile === undefined || health === undefined)
    throw new SettingsInvalid({ problems })
  return {
    relayUrl: normalised,
    cluster,
    files: { sessionKeyFile, documentFile },
    authProxies,
    allAuthProxies: all.length > 0 ? all : authProxies,
    caFiles: many(flags.caFile, "CLUSTERCONNECT_CA_FILE"),
    proxy: proxySettings(env),
    health,
  }
}

/** host:port, IPv6 in brackets. @throws {TypeError} naming the flag and what was found */
export const target = (what: string, text: string, lowestPort = 1): Target => {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || port < lowestPort || port > 65_535)
    throw new TypeError(`${what} ${text}: expected HOST:PORT, an IPv6 address in brackets`)
  return { host, port }
}
