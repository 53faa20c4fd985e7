import { mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Side, tunnelSide } from "../e2e/sides.ts"
import type { Outside } from "./Outside.ts"
import { listening, type Program } from "./Program.ts"
import type { Starter } from "./Starter.ts"

/** One user with a proxy of their own. */
export interface User {
  readonly name: string
  readonly kubeconfig: string
  readonly proxy: Program
  readonly kubectl: Side
}

/** Longer than any test run, so that only tests about expiry meet it. */
const tokenSeconds = 4 * 3600

export interface UserOptions {
  readonly name: string
  readonly groups: readonly string[]
  readonly outside: Outside
  readonly clusterName: string
  readonly pin: string
  /** Path of kubectl. */
  readonly kubectl: string
  /** Where the user's folder is made. */
  readonly directory: string
  /** Further arguments of the proxy. */
  readonly args?: readonly string[]
  /** A command that starts them elsewhere, as in a network namespace. */
  readonly within?: readonly string[]
}

/** A new user with tokens of the provider's and a running proxy; `kubectl` is ready to use. */
export const startUser = async (
  programs: Starter,
  options: UserOptions,
): Promise<{ readonly user: User; readonly clusterToken: string }> => {
  const { name, groups, outside, clusterName, within = [] } = options
  const folder = mkdtempSync(join(options.directory, `${name}-`))
  const relayHost = new URL(outside.relayUrl).host
  const mint = (audience: string) =>
    outside.identityProvider.mint({ sub: name, groups }, { audience, expiresInSeconds: tokenSeconds })
  const clusterToken = await mint(`clusterconnect:${relayHost}/${clusterName}`)
  const kubeconfig = join(folder, "kubeconfig")
  const write = (file: string, text: string): string => {
    writeFileSync(join(folder, file), text, { mode: 0o600 })
    return join(folder, file)
  }
  const proxy = programs.outside(
    `proxy of ${name}`,
    "clusterconnect",
    [
      ...["proxy", clusterName, "--relay", outside.relayUrl, "--ca-file", outside.caFile, "--pin", options.pin],
      ...["--token-file", write("cluster-token", clusterToken)],
      ...["--relay-token-file", write("relay-token", await mint(`clusterconnect:${relayHost}`))],
      ...["--file", kubeconfig, "--kube-context", `${clusterName}-${name}`, "--log-format", "json"],
      ...(options.args ?? []),
    ],
    {
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, "config"),
      XDG_STATE_HOME: join(folder, "state"),
      XDG_CACHE_HOME: join(folder, "cache"),
    },
    within,
  )
  await listening(proxy, clusterName)
  return { user: { name, kubeconfig, proxy, kubectl: tunnelSide(options.kubectl, kubeconfig, within) }, clusterToken }
}
