import { readFileSync, statSync } from "node:fs"
import { LocalFailure } from "../failures.ts"
import { clusterValues } from "../settings/clusterValues.ts"
import type { Environment, ProxyFlags } from "../settings/ProxySettings.ts"

/** Names that mean another file in another process. */
const ofThisProcess = /^(-|\/dev\/(stdin|fd\/.*)|\/proc\/self\/.*)$/

/**
 * The tokens that only this process can read: standard input, a pipe, a shell's `<(…)`. By the path that names them; what lies in a
 * file is none of them, for it is read again when it changes. @throws {LocalFailure}
 */
export const tokensReadOnce = (flags: ProxyFlags, environment: Environment): Record<string, string> =>
  Object.fromEntries(pathsReadOnce(flags, environment).map((path) => [path, contentOf(path)]))

/** The paths of these tokens. */
export const pathsReadOnce = (flags: ProxyFlags, environment: Environment): readonly string[] =>
  tokenPaths(flags, environment).filter(readableHereAlone)

/** Where `proxySettings` would take tokens from. */
const tokenPaths = (flags: ProxyFlags, environment: Environment): readonly string[] => {
  const variable = (name: string) => environment[name] || undefined
  const cluster =
    flags.tokenFile ??
    ((flags.token ?? variable("CLUSTERCONNECT_TOKEN")) ? undefined : variable("CLUSTERCONNECT_TOKEN_FILE"))
  const relay =
    flags.relayTokenFile ??
    (variable("CLUSTERCONNECT_RELAY_TOKEN") ? undefined : variable("CLUSTERCONNECT_RELAY_TOKEN_FILE"))
  const ofClusters = clusterValues("--token-file", flags.token === undefined ? cluster : undefined, flags.clusters)
  return [...new Set([...ofClusters.values(), ...(relay === undefined ? [] : [relay])])]
}

const readableHereAlone = (path: string) =>
  ofThisProcess.test(path) || statSync(path, { throwIfNoEntry: false })?.isFIFO() === true

const contentOf = (path: string): string => {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8")
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new LocalFailure({ detail: `the token in ${path === "-" ? "standard input" : path} cannot be read (${why})` })
  }
}
