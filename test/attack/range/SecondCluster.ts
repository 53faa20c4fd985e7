import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stringify } from "yaml"
import { writeFileAtomic } from "../../../platform/files.ts"
import { mustRun } from "../../cluster/process/runProgram.ts"
import { ours } from "../../world/ours.ts"
import { follow, listening, type Program } from "../../world/Program.ts"
import type { World } from "../../world/World.ts"

export const accountNamespace = "clusterconnect"

/** What a class of attacks needs different at the second cluster's auth proxy. */
export interface Setting {
  readonly jwt?: readonly object[]
  readonly profile?: "ReadWrite" | "ReadOnly"
  readonly mode?: "Constrained" | "Legacy"
  readonly apiServer?: { readonly url?: string; readonly caPem?: string; readonly token?: string }
  readonly maxSessionSeconds?: number
}

/** A second cluster of the same relay: its own identity, agent and auth proxy before the same API server. Attacks that need another configuration change it here, while it runs. */
export interface SecondCluster {
  readonly name: string
  readonly pin: string
  readonly agent: Program
  readonly authProxy: Program
  /** Directory of the identity, as `init` wrote it. */
  readonly identity: string
  /** The file with the token that the auth proxy shows to the API server. */
  readonly tokenFile: string
  /** Writes the configuration and waits until it is in force. Without a setting: the plain one. */
  configure(setting?: Setting): Promise<void>
  /** The entry of authentication.jwt that is used when a setting names none. */
  readonly jwt: object
}

/** The administrator's token for a service account of an auth proxy. */
export const accountToken = async (world: World, account: string, more: readonly string[] = []): Promise<string> =>
  (await world.cluster.admin(["create", "token", account, "-n", accountNamespace, "--duration=2h", ...more])).trim()

export const startSecondCluster = async (
  stack: AsyncDisposableStack,
  world: World,
  relayConfig: string,
  holdSeconds: number,
): Promise<SecondCluster> => {
  const name = "edge-2"
  const { cluster, relayUrl, caFile, identityProvider } = world
  const directory = join(cluster.directory, "second")
  mkdirSync(directory, { mode: 0o700 })
  const file = (title: string, text: string) => {
    writeFileSync(join(directory, title), text, { mode: 0o600 })
    return join(directory, title)
  }
  const program = (args: readonly string[]) => ours("clusterconnect-agent", args)
  const start = (title: string, child: ChildProcess): Program => {
    const started = follow(title, child)
    stack.defer(async () => void (await started.stop()))
    return started
  }
  const joinToken = await mustRun(...ours("clusterconnect-relay", ["token", "create", name, "--config", relayConfig]))
  const identity = join(directory, "identity")
  const made = await cluster.run(
    ...program([
      ...["init", "--cluster", name, "--relay", relayUrl, "--dir", identity, "--ca-file", caFile],
      ...["--issuer", identityProvider.issuer, "--join-token-file", file("join-token", joinToken)],
    ]),
  )
  const pin = `${made.stdout}\n${made.stderr}`.match(/sha256:[0-9a-f]{64}/)?.[0]
  if (made.code !== 0 || pin === undefined) throw new Error(`init failed (${made.code}):\n${made.stderr}`)

  const jwt = {
    name: "main",
    issuer: {
      url: identityProvider.issuer,
      certificateAuthority: identityProvider.caPem,
      audiences: [`clusterconnect:${new URL(relayUrl).host}/${name}`],
    },
    claimMappings: { username: { claim: "sub", prefix: "oidc:" }, groups: { claim: "groups", prefix: "oidc:" } },
  }
  const tokenFile = file("token", await accountToken(world, "kube-auth-proxy"))
  let version = 0
  const text = ({ apiServer = {}, ...setting }: Setting): string => {
    version += 1
    return stringify({
      clusterName: name,
      relay: { url: relayUrl },
      authentication: {
        jwt: setting.jwt ?? [jwt],
        // Always another value, so that every configuration is a change that is announced.
        maxSessionSeconds: setting.maxSessionSeconds ?? 40_000 + version,
      },
      impersonation: { profile: setting.profile ?? "ReadWrite", mode: setting.mode ?? "Auto" },
      apiServer: {
        url: apiServer.url ?? cluster.api.url,
        caFile: file(`ca-${version}.crt`, apiServer.caPem ?? cluster.caPem),
        tokenFile: apiServer.token === undefined ? tokenFile : file(`token-${version}`, apiServer.token),
      },
    })
  }
  const config = file("auth-proxy.yaml", text({}))
  const authProxy = start(
    "second auth proxy",
    cluster.spawn(
      ...program([
        ...["auth-proxy", "--config", config, "--dir", identity, "--hold", `${holdSeconds}`, "--drain-timeout", "1"],
        ...["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"],
      ]),
      { stdio: ["ignore", "pipe", "pipe"] },
    ),
  )
  const carriers = await listening(authProxy, "carrier")
  const agent = start(
    "second agent",
    cluster.spawn(
      ...program([
        ...["tunnel", "--relay", relayUrl, "--cluster", name, "--dir", identity, "--ca-file", caFile],
        ...["--auth-proxy", `127.0.0.1:${carriers.port}`, "--health-listen", "127.0.0.1:0"],
      ]),
      { stdio: ["ignore", "pipe", "pipe"] },
    ),
  )
  await agent.until("a control session", (line) => (line.message === "control session open" ? true : undefined))
  return {
    name,
    pin,
    agent,
    authProxy,
    identity,
    tokenFile,
    jwt,
    async configure(setting = {}) {
      const seen = authProxy.log.length
      let at = 0
      const changed = authProxy.until("the new configuration", (line, _text) => {
        at += 1
        if (at <= seen) return undefined
        return line.message === "configuration in force"
          ? ""
          : line.failure === undefined
            ? undefined
            : String(line.failure)
      })
      await writeFileAtomic(config, text(setting))
      const failure = await changed
      if (failure !== "") throw new Error(`the configuration was refused: ${failure}`)
    },
  }
}

/** Runs one of the relay's administrative commands on its configuration. */
export const relayCommand = (relayConfig: string, args: readonly string[]): Promise<string> =>
  mustRun(...ours("clusterconnect-relay", [...args, "--config", relayConfig]))

/** A program outside that the stack ends. */
export const startOutside = (
  stack: AsyncDisposableStack,
  title: string,
  main: Parameters<typeof ours>[0],
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Program => {
  const [command, rest] = ours(main, args)
  const started = follow(
    title,
    spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } }),
  )
  stack.defer(async () => void (await started.stop()))
  return started
}
