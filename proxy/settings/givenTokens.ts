import { UsageWrong } from "../failures.ts"
import { fixedToken, readOnce, type TokenSource, tokenFile } from "../tokens/TokenSource.ts"
import { clusterValues } from "./clusterValues.ts"
import type { Origin, ProxyFlags } from "./ProxySettings.ts"

/** What the environment says; undefined where it says nothing. */
export type Variable = (name: string) => string | undefined

/** By cluster: tokens that flags give, else variables. @throws {UsageWrong} */
export const clusterTokens = (
  flags: Pick<ProxyFlags, "token" | "tokenFile">,
  variable: Variable,
  clusters: readonly string[],
  read: Origin["tokensRead"],
) => {
  const sources = (
    name: string,
    values: string | undefined,
    source: (value: string) => TokenSource,
  ): ReadonlyMap<string, TokenSource> =>
    new Map([...clusterValues(name, values, clusters)].map(([cluster, value]) => [cluster, source(value)]))
  const file = (name: string) => (path: string) => fileOrInput(path, "auth-proxy", name, read)
  const fixed = (name: string) => (token: string) => fixedToken(token, name)
  if (flags.token !== undefined) return sources("--token", flags.token, fixed("--token"))
  if (flags.tokenFile !== undefined) return sources("--token-file", flags.tokenFile, file("--token-file"))
  const [token, path] = ["CLUSTERCONNECT_TOKEN", "CLUSTERCONNECT_TOKEN_FILE"]
  if (variable(token) !== undefined) return sources(token, variable(token), fixed(token))
  return sources(path, variable(path), file(path))
}

export const missingToken = (cluster: string, several: boolean): never => {
  const form = several ? ` in the form ${cluster}=VALUE` : ""
  throw new UsageWrong({
    detail: `no token for cluster ${cluster}: log in (clusterconnect login), give --token-file PATH, or set CLUSTERCONNECT_TOKEN_FILE or CLUSTERCONNECT_TOKEN${form}`,
  })
}

/** Undefined when neither a flag nor a variable gives one. @throws {UsageWrong} */
export const givenRelayToken = (
  flags: Pick<ProxyFlags, "tokenFile" | "relayTokenFile">,
  variable: Variable,
  read: Origin["tokensRead"],
): TokenSource | undefined => {
  const file = (path: string, name: string) => fileOrInput(path, "relay", name, read)
  if (flags.relayTokenFile !== undefined) {
    if (flags.relayTokenFile === "-" && flags.tokenFile?.split(",").some((one) => /^([^=]*=)?-$/.test(one)))
      throw new UsageWrong({ detail: "--token-file - and --relay-token-file -: standard input holds one token" })
    return file(flags.relayTokenFile, "--relay-token-file")
  }
  const token = variable("CLUSTERCONNECT_RELAY_TOKEN")
  if (token !== undefined) return fixedToken(token, "CLUSTERCONNECT_RELAY_TOKEN")
  const path = variable("CLUSTERCONNECT_RELAY_TOKEN_FILE")
  return path === undefined ? undefined : file(path, "CLUSTERCONNECT_RELAY_TOKEN_FILE")
}

export const missingRelayToken = (): never => {
  throw new UsageWrong({
    detail:
      "no token for the relay: log in (clusterconnect login), give --relay-token-file PATH or set CLUSTERCONNECT_RELAY_TOKEN[_FILE]. With --single-audience the cluster's token is sent to the relay too, which can then act as you",
  })
}

/** `-` is standard input. */
const fileOrInput = (
  path: string,
  hop: "relay" | "auth-proxy",
  name: string,
  read: Origin["tokensRead"] = {},
): TokenSource => {
  const described = `${name} ${path}`
  const known = Object.hasOwn(read, path) ? read[path] : undefined
  if (known !== undefined) return readOnce(hop, described, () => known)
  return path === "-" ? readOnce(hop, described) : tokenFile(path, hop, described)
}
