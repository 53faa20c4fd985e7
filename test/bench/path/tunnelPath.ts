import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { mustRun, runProgram } from "../../cluster/process/runProgram.ts"
import { startIdentityProvider } from "../../idp/IdentityProvider.ts"
import { authProxyConfiguration } from "../../world/authProxyConfiguration.ts"
import { ours, prefixed } from "../../world/ours.ts"
import { listening, type Program } from "../../world/Program.ts"
import { relayConfiguration } from "../../world/relayConfiguration.ts"
import { freePort, type Ground } from "./ground.ts"
import type { Path, Target } from "./Target.ts"

export interface TunnelPath extends Path {
  readonly programs: {
    readonly relay: Program
    readonly agent: Program
    readonly authProxy: Program
    readonly proxy: Program
  }
  /** A proxy of another user. */
  startProxy(env?: NodeJS.ProcessEnv): Promise<{ readonly program: Program; readonly target: Target }>
  /** One more agent; resolves when it has a control session. */
  startAgent(): Promise<Program>
  /** Kills the relay and starts the next one at the same address. */
  relayAgain(): Promise<Program>
}

export interface TunnelOptions {
  /** More arguments of the auth proxy. */
  readonly authProxyArgs?: readonly string[]
  /** A script, with its arguments, that stands where the auth proxy stands; it announces its listener `carrier` as that does. */
  readonly farEnd?: readonly string[]
  /** Environment of the first user's proxy. */
  readonly env?: NodeJS.ProcessEnv
}

const cluster = "bench"

/** All four programs, their identity provider and nothing of Kubernetes but the stub. */
export const startTunnel = async (
  stack: AsyncDisposableStack,
  ground: Ground,
  options: TunnelOptions = {},
): Promise<TunnelPath> => {
  const { programs, startProxy, startAgent, relayAgain } = await startMiddle(stack, ground, options)
  const first = await startProxy(options.env)
  return {
    name: "clusterconnect",
    target: first.target,
    get programs() {
      return { ...programs(), proxy: first.program }
    },
    pids: () => {
      const { relay, agent, authProxy } = programs()
      return { proxy: first.program.pid, relay: relay.pid, agent: agent.pid, "auth proxy": authProxy.pid }
    },
    startProxy,
    startAgent,
    relayAgain,
  }
}

/** What is between a user and the stub: relay, agent and auth proxy, and whatever opens streams through them. */
export interface Middle extends Pick<TunnelPath, "startProxy" | "startAgent" | "relayAgain"> {
  readonly programs: () => Omit<TunnelPath["programs"], "proxy">
  readonly relayUrl: string
  readonly cluster: string
  /** A token of this user's for the relay. */
  relayToken(user: string): Promise<string>
}

export const startMiddle = async (
  stack: AsyncDisposableStack,
  ground: Ground,
  options: TunnelOptions = {},
): Promise<Middle> => {
  const { place, directory, start, caFile } = ground
  const identityProvider = await startIdentityProvider({ listenHost: place.near })
  stack.defer(() => identityProvider.stop())
  const relayUrl = `https://${place.near}:${await freePort(place.near)}`
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  mkdirSync(join(directory, "relay"), { mode: 0o700 })
  const relayConfig = write(
    "relay.yaml",
    relayConfiguration({
      relayUrl,
      directory: join(directory, "relay"),
      issuer: identityProvider.issuer,
      idpCa: identityProvider.caPem,
      clusters: [cluster],
      served: { listen: new URL(relayUrl).host, ...ground.certificate },
    }),
  )
  const startRelay = async () => {
    const program = start("relay", ...ours("clusterconnect-relay", ["serve", "--config", relayConfig]), false)
    await listening(program, "public")
    return program
  }
  let relay = await startRelay()
  const token = await mustRun(...ours("clusterconnect-relay", ["token", "create", cluster, "--config", relayConfig]))
  const identity = join(directory, "identity")
  const init = ["init", "--cluster", cluster, "--relay", relayUrl, "--dir", identity, "--ca-file", caFile]
  const made = await runProgram(
    ...prefixed(
      place.within,
      ...ours("clusterconnect-agent", [
        ...init,
        ...["--issuer", identityProvider.issuer, "--join-token-file", write("join-token", token.trim())],
      ]),
    ),
  )
  const pin = `${made.stdout}\n${made.stderr}`.match(/sha256:[0-9a-f]{64}/)?.[0]
  if (made.code !== 0 || pin === undefined) throw new Error(`init failed:\n${made.stdout}${made.stderr}`)
  const config = write(
    "auth-proxy.yaml",
    authProxyConfiguration({
      clusterName: cluster,
      relayUrl,
      issuer: identityProvider.issuer,
      idpCa: identityProvider.caPem,
      apiServer: {
        url: `https://127.0.0.1:${ground.stubPort}`,
        caFile,
        tokenFile: write("service-account-token", "token-of-the-bench"),
      },
    }),
  )
  const health = ["--health-listen", "127.0.0.1:0"]
  const program = ours("clusterconnect-agent", [
    ...["auth-proxy", "--config", config, "--dir", identity, "--drain-timeout", "1"],
    ...["--listen", "127.0.0.1:0", ...health, ...(options.authProxyArgs ?? [])],
  ])
  const authProxy = start(
    "auth proxy",
    ...(options.farEnd === undefined ? program : ([process.execPath, options.farEnd] as const)),
    true,
  )
  const carriers = await listening(authProxy, "carrier")
  const startAgent = async () => {
    const program = start(
      "agent",
      ...ours("clusterconnect-agent", [
        ...["tunnel", "--relay", relayUrl, "--cluster", cluster, "--dir", identity, "--ca-file", caFile],
        ...["--auth-proxy", `127.0.0.1:${carriers.port}`, ...health],
      ]),
      true,
    )
    await program.until("a control session", (line) => (line.message === "control session open" ? true : undefined))
    return program
  }
  const agent = await startAgent()
  const host = new URL(relayUrl).host
  const mint = (sub: string, audience: string) =>
    identityProvider.mint({ sub, groups: [] }, { audience, expiresInSeconds: 4 * 3600 })
  const relayToken = (user: string) => mint(user, `clusterconnect:${host}`)
  let proxies = 0
  const startProxy = async (env: NodeJS.ProcessEnv = {}) => {
    proxies += 1
    const name = `user-${proxies}`
    const kubeconfig = join(directory, `${name}.kubeconfig`)
    const program = start(
      `proxy ${proxies}`,
      ...ours("clusterconnect", [
        ...["proxy", cluster, "--relay", relayUrl, "--ca-file", caFile, "--pin", pin],
        ...["--token-file", write(`${name}.token`, await mint(name, `clusterconnect:${host}/${cluster}`))],
        ...["--relay-token-file", write(`${name}.relay-token`, await relayToken(name))],
        ...["--file", kubeconfig, "--log-format", "json", "--log-level", "debug"],
      ]),
      false,
      env,
    )
    await listening(program, cluster)
    return { program, target: targetOf(readFileSync(kubeconfig, "utf8")) }
  }
  return {
    programs: () => ({ relay, agent, authProxy }),
    relayUrl,
    cluster,
    relayToken,
    startProxy,
    startAgent,
    async relayAgain() {
      await relay.stop("SIGKILL")
      relay = await startRelay()
      return relay
    },
  }
}

const targetOf = (kubeconfig: string): Target => {
  const { clusters, users } = parse(kubeconfig) as {
    clusters: { cluster: { server: string; "certificate-authority-data": string } }[]
    users: { user: { token: string } }[]
  }
  const { hostname, port } = new URL(clusters[0]!.cluster.server)
  return {
    host: hostname,
    port: Number(port),
    ca: Buffer.from(clusters[0]!.cluster["certificate-authority-data"], "base64").toString(),
    authorization: `Bearer ${users[0]!.user.token}`,
  }
}
