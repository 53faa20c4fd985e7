import type { ChildProcess } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Cluster } from "../cluster/Cluster.ts"
import type { IdentityProvider } from "../idp/IdentityProvider.ts"
import { authProxyConfiguration } from "./authProxyConfiguration.ts"
import { ours } from "./ours.ts"
import { listening, type Program } from "./Program.ts"

/** What runs inside the closed namespace: it can dial out and nothing can dial in. */
export interface ClusterSide {
  /** The agent that runs now. */
  readonly agent: Program
  /** Ends it by the signal and starts the next one; resolves when that has a control session. */
  restartAgent(signal: NodeJS.Signals): Promise<void>
  readonly authProxy: Program
  /** Starts the auth proxy anew, after its end, with the same files on the same port. */
  authProxyAgain(): Promise<Program>
  /** `sha256:…`, as init printed it. */
  readonly pin: string
  /** The service account that impersonates. */
  readonly authProxyAccount: string
  readonly holdMillis: number
  /** A metric of the auth proxy or agent, summed over its labels; 0 when it has not been counted yet. */
  metric(program: "agent" | "auth-proxy", name: string): Promise<number>
  /** Established connections of the auth proxy to the API server. */
  authProxyConnections(): Promise<number>
  /** Watches of a resource that the API server holds open now. */
  apiServerWatches(resource: string): Promise<number>
}

export interface ClusterSideOptions {
  readonly cluster: Cluster
  readonly clusterName: string
  readonly relayUrl: string
  readonly caFile: string
  readonly identityProvider: IdentityProvider
  readonly joinToken: string
  readonly holdSeconds: number
  /** Arguments of the auth proxy. */
  readonly logLevel: readonly string[]
  readonly start: (name: string, child: ChildProcess) => Program
}

const namespace = "clusterconnect"
const account = "kube-auth-proxy"
const tokenHours = 12

export const startClusterSide = async (options: ClusterSideOptions): Promise<ClusterSide> => {
  const { cluster, clusterName, relayUrl, caFile, identityProvider, start } = options
  const directory = join(cluster.directory, "clusterconnect")
  mkdirSync(directory, { mode: 0o700 })
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  const program = (args: readonly string[]) => ours("clusterconnect-agent", args)

  const identity = join(directory, "identity")
  const init = ["init", "--cluster", clusterName, "--relay", relayUrl, "--dir", identity, "--ca-file", caFile]
  const made = await cluster.run(
    ...program([
      ...init,
      ...["--issuer", identityProvider.issuer],
      ...["--join-token-file", file("join-token", options.joinToken)],
    ]),
  )
  const pin = `${made.stdout}\n${made.stderr}`.match(/sha256:[0-9a-f]{64}/)?.[0]
  if (made.code !== 0 || pin === undefined) throw new Error(`init failed (${made.code}):\n${made.stdout}${made.stderr}`)

  const rbac = await cluster.run(...program(["init", "--print-rbac", "--namespace", namespace]))
  if (rbac.code !== 0) throw new Error(`init --print-rbac failed (${rbac.code}):\n${rbac.stderr}`)
  await cluster.admin(["apply", "-f", "-"], { input: rbac.stdout })
  const token = await cluster.admin(["create", "token", account, "-n", namespace, `--duration=${tokenHours}h`])

  const config = file(
    "auth-proxy.yaml",
    authProxyConfiguration({
      clusterName,
      relayUrl,
      issuer: identityProvider.issuer,
      idpCa: identityProvider.caPem,
      apiServer: {
        url: cluster.api.url,
        caFile: file("api-server-ca.crt", cluster.caPem),
        tokenFile: file("service-account-token", token.trim()),
      },
    }),
  )
  const startAuthProxy = (listen: string) =>
    start(
      "auth proxy",
      cluster.spawn(
        ...program([
          ...["auth-proxy", "--config", config, "--dir", identity],
          ...["--hold", `${options.holdSeconds}`, "--drain-timeout", "1"],
          ...["--listen", listen, "--health-listen", "127.0.0.1:0", ...options.logLevel],
        ]),
        { stdio: ["ignore", "pipe", "pipe"] },
      ),
    )
  const authProxy = startAuthProxy("127.0.0.1:0")
  const carriers = await listening(authProxy, "carrier")
  const startAgent = async () => {
    const agent = start(
      "agent",
      cluster.spawn(
        ...program([
          ...["tunnel", "--relay", relayUrl, "--cluster", clusterName, "--dir", identity, "--ca-file", caFile],
          ...["--auth-proxy", `127.0.0.1:${carriers.port}`, "--health-listen", "127.0.0.1:0"],
        ]),
        { stdio: ["ignore", "pipe", "pipe"] },
      ),
    )
    const at = await listening(agent, "health")
    await agent.until("a control session", (line) => (line.message === "control session open" ? true : undefined))
    return { agent, health: at }
  }
  let running = await startAgent()
  const health = { agent: () => running.health, "auth-proxy": await listening(authProxy, "health") }

  const inside = async (url: string): Promise<string> => {
    const script = `process.stdout.write(await (await fetch(${JSON.stringify(url)})).text())`
    return (await cluster.run(process.execPath, ["-e", script])).stdout
  }
  return {
    get agent() {
      return running.agent
    },
    async restartAgent(signal) {
      await running.agent.stop(signal)
      running = await startAgent()
    },
    authProxy,
    authProxyAgain: async () => {
      const again = startAuthProxy(`127.0.0.1:${carriers.port}`)
      await listening(again, "carrier")
      return again
    },
    pin,
    authProxyAccount: `system:serviceaccount:${namespace}:${account}`,
    holdMillis: options.holdSeconds * 1000,
    async metric(of, name) {
      const { port } = of === "agent" ? health.agent() : health["auth-proxy"]
      const text = await inside(`http://127.0.0.1:${port}/metrics`)
      const values = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)
    },
    async authProxyConnections() {
      const open = await cluster.run("ss", ["-Htnp", "state", "established", "dport", `= :${cluster.api.port}`])
      return open.stdout.split("\n").filter((line) => line.includes(`pid=${authProxy.pid},`)).length
    },
    async apiServerWatches(resource) {
      const text = await cluster.admin(["get", "--raw", "/metrics"])
      return text
        .split("\n")
        .filter((line) => line.startsWith("apiserver_longrunning_requests{"))
        .filter((line) => line.includes(`resource="${resource}"`) && line.includes('verb="WATCH"'))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)
    },
  }
}
