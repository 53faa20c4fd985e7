import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Cluster, Level } from "../cluster/Cluster.ts"
import { createAuthority } from "../cluster/credentials/CertificateAuthority.ts"
import { mustRun } from "../cluster/process/runProgram.ts"
import { startCluster } from "../cluster/startCluster.ts"
import { type Side, tunnelSide } from "../e2e/sides.ts"
import { type IdentityProvider, startIdentityProvider } from "../idp/IdentityProvider.ts"
import { type ClusterSide, startClusterSide } from "./clusterSide.ts"
import { ours } from "./ours.ts"
import { follow, listening, type Program } from "./Program.ts"
import { type Recorder, startRecorder } from "./Recorder.ts"
import { relayConfiguration } from "./relayConfiguration.ts"

/** One user with a proxy of their own. */
export interface User {
  readonly name: string
  readonly kubeconfig: string
  readonly proxy: Program
  readonly kubectl: Side
}

/** The whole product on this machine: cluster side inside the closed namespace, everything else outside. */
export interface World extends ClusterSide {
  readonly clusterName: string
  readonly relayUrl: string
  readonly cluster: Cluster
  readonly identityProvider: IdentityProvider
  readonly relay: Program
  readonly recorder: Recorder
  readonly directory: string
  /** PEM file of the authority of relay and recorder. */
  readonly caFile: string
  /** A new user with a running proxy; `kubectl` is ready to use. */
  user(name: string, groups: readonly string[]): Promise<User>
  /** Every cluster token that was ever minted. */
  clusterTokens(): readonly string[]
  /** Processes of ours on the path, the user's proxy excepted. */
  pathPids(): readonly number[]
}

export interface WorldOptions {
  readonly level: Level
  /** How long the auth proxy keeps a stream without a carrier; the product's own 330 when absent. */
  readonly holdSeconds?: number
  readonly onProgress?: (line: string) => void
}

/** Longer than any test run, so that only tests about expiry meet it. */
const tokenSeconds = 4 * 3600

/** Starts everything; what was started is undone in reverse order by `stack`, also when a later step fails or the user interrupts. */
export const startWorld = async (stack: AsyncDisposableStack, options: WorldOptions): Promise<World> => {
  const progress = options.onProgress ?? (() => {})
  const clusterName = "edge-1"
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-world-"))
  stack.defer(async () => void (await rm(directory, { recursive: true, force: true })))
  const cluster = await startCluster({
    level: options.level,
    name: "world",
    auditLog: true,
    closed: true,
    onProgress: progress,
  })
  stack.defer(async () => void (await cluster.stop()))
  const host = cluster.outsideAddress

  const identityProvider = await startIdentityProvider({ listenHost: host })
  stack.defer(async () => void (await identityProvider.stop()))
  progress(`identity provider: ${identityProvider.issuer}`)

  const authority = await createAuthority("relay authority of the tests")
  const served = await authority.issue({ commonName: "relay", servedAs: [host] })
  const caFile = join(directory, "relay-ca.crt")
  const idpCaFile = join(directory, "idp-ca.crt")
  writeFileSync(caFile, authority.certificatePem)
  writeFileSync(idpCaFile, identityProvider.caPem)

  let relayAddress = { host: "127.0.0.1", port: 0 }
  const recorder = await startRecorder({
    host,
    port: 0,
    certificatePem: served.certificatePem,
    keyPem: served.keyPem,
    relay: () => relayAddress,
    file: join(directory, "relay-saw"),
  })
  stack.defer(async () => void (await recorder.stop()))
  const relayUrl = `https://${host}:${recorder.port}`

  const start = (name: string, child: ChildProcess): Program => {
    const program = follow(name, child)
    stack.defer(async () => void (await program.stop()))
    return program
  }
  const outside = (
    name: string,
    main: Parameters<typeof ours>[0],
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ) => {
    const [command, rest] = ours(main, args)
    return start(name, spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } }))
  }

  const relayDirectory = join(directory, "relay")
  mkdirSync(relayDirectory, { mode: 0o700 })
  const relayConfig = join(relayDirectory, "config.yaml")
  writeFileSync(
    relayConfig,
    relayConfiguration({
      relayUrl,
      directory: relayDirectory,
      issuer: identityProvider.issuer,
      idpCa: identityProvider.caPem,
      clusterName,
    }),
  )
  const relay = outside("relay", "clusterconnect-relay", ["serve", "--config", relayConfig])
  relayAddress = await listening(relay, "public")
  progress(`relay: ${relayUrl} (pid ${relay.pid})`)

  const joinToken = (
    await mustRun(...ours("clusterconnect-relay", ["token", "create", clusterName, "--config", relayConfig]))
  ).trim()
  const clusterSide = await startClusterSide({
    cluster,
    clusterName,
    relayUrl,
    caFile,
    identityProvider,
    joinToken,
    holdSeconds: options.holdSeconds ?? 330,
    start,
  })
  progress(`in the cluster: agent (pid ${clusterSide.agent.pid}), auth proxy (pid ${clusterSide.authProxy.pid})`)

  const tokens: string[] = []
  const user = async (name: string, groups: readonly string[]): Promise<User> => {
    const folder = mkdtempSync(join(directory, `${name}-`))
    const relayHost = new URL(relayUrl).host
    const write = (file: string, text: string) => {
      writeFileSync(join(folder, file), text, { mode: 0o600 })
      return join(folder, file)
    }
    const mint = (audience: string) =>
      identityProvider.mint({ sub: name, groups }, { audience, expiresInSeconds: tokenSeconds })
    const clusterToken = await mint(`clusterconnect:${relayHost}/${clusterName}`)
    tokens.push(clusterToken)
    const kubeconfig = join(folder, "kubeconfig")
    const proxy = outside(
      `proxy of ${name}`,
      "clusterconnect",
      [
        ...["proxy", clusterName, "--relay", relayUrl, "--ca-file", caFile, "--pin", clusterSide.pin],
        ...["--token-file", write("cluster-token", clusterToken)],
        ...["--relay-token-file", write("relay-token", await mint(`clusterconnect:${relayHost}`))],
        ...["--file", kubeconfig, "--kube-context", `${clusterName}-${name}`, "--log-format", "json"],
      ],
      {
        HOME: folder,
        XDG_CONFIG_HOME: join(folder, "config"),
        XDG_STATE_HOME: join(folder, "state"),
        XDG_CACHE_HOME: join(folder, "cache"),
      },
    )
    await listening(proxy, clusterName)
    return { name, kubeconfig, proxy, kubectl: tunnelSide(cluster.kubectl, kubeconfig) }
  }

  return {
    ...clusterSide,
    clusterName,
    relayUrl,
    cluster,
    identityProvider,
    relay,
    recorder,
    directory,
    caFile,
    user,
    clusterTokens: () => tokens,
    pathPids: () => [relay.pid, clusterSide.agent.pid, clusterSide.authProxy.pid],
  }
}
