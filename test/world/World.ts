import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Cluster, Level } from "../cluster/Cluster.ts"
import { startCluster } from "../cluster/startCluster.ts"
import { type ClusterSide, startClusterSide } from "./clusterSide.ts"
import { type Outside, type OutsideOptions, startOutside } from "./Outside.ts"
import { starter } from "./Starter.ts"
import { startUser, type User } from "./User.ts"

export type { User } from "./User.ts"

/** The whole product on this machine: cluster side inside the closed namespace, everything else outside. */
export interface World extends ClusterSide, Outside {
  readonly clusterName: string
  readonly cluster: Cluster
  readonly directory: string
  /** A new user with a running proxy; `kubectl` is ready to use. `within`: a command that starts them elsewhere, as in a network namespace. */
  user(name: string, groups: readonly string[], within?: readonly string[]): Promise<User>
  /** Every cluster token that was ever minted. */
  clusterTokens(): readonly string[]
  /** Processes of ours on the path, the user's proxy excepted. */
  pathPids(): readonly number[]
}

export interface WorldOptions extends Pick<OutsideOptions, "relayDiskBytes" | "recorded"> {
  readonly level: Level
  /** How long the auth proxy keeps a stream without a carrier; the product's own 330 when absent. */
  readonly holdSeconds?: number
  /** Proxies and the auth proxy say what happens to each stream. */
  readonly debug?: boolean
  readonly onProgress?: (line: string) => void
}

/** Starts everything; what was started is undone in reverse order by `stack`, also when a later step fails or the user interrupts. */
export const startWorld = async (stack: AsyncDisposableStack, options: WorldOptions): Promise<World> => {
  const { level, holdSeconds = 330, debug, onProgress = () => {}, ...outsideOptions } = options
  const clusterName = "edge-1"
  const logLevel = debug ? ["--log-level", "debug"] : []
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-world-"))
  stack.defer(async () => void (await rm(directory, { recursive: true, force: true })))
  const cluster = await startCluster({ level, name: "world", auditLog: true, closed: true, onProgress })
  stack.defer(async () => void (await cluster.stop()))
  const programs = starter(stack)
  const outside = await startOutside(stack, programs, {
    ...outsideOptions,
    host: cluster.outsideAddress,
    directory,
    clusters: [clusterName],
    onProgress,
  })
  const clusterSide = await startClusterSide({
    cluster,
    clusterName,
    relayUrl: outside.relayUrl,
    caFile: outside.caFile,
    identityProvider: outside.identityProvider,
    joinToken: (await outside.relayCommand(["token", "create", clusterName])).trim(),
    holdSeconds,
    logLevel,
    start: programs.followed,
  })
  onProgress(`in the cluster: agent (pid ${clusterSide.agent.pid}), auth proxy (pid ${clusterSide.authProxy.pid})`)

  const tokens: string[] = []
  return {
    ...clusterSide,
    get agent() {
      return clusterSide.agent
    },
    ...outside,
    get relay() {
      return outside.relay
    },
    clusterName,
    cluster,
    directory,
    async user(name, groups, within = []) {
      const { user, clusterToken } = await startUser(programs, {
        ...{ name, groups, outside, clusterName, directory, within },
        pin: clusterSide.pin,
        kubectl: cluster.kubectl,
        args: logLevel,
      })
      tokens.push(clusterToken)
      return user
    },
    clusterTokens: () => tokens,
    pathPids: () => [outside.relay.pid, clusterSide.agent.pid, clusterSide.authProxy.pid],
  }
}
