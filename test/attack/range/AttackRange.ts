import { randomUUID } from "node:crypto"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parse, stringify } from "yaml"
import { writeFileAtomic } from "../../../platform/files.ts"
import { requestJson, type TrustedRoots, trustedRoots } from "../../../platform/outbound.ts"
import { authProxyHoldMillis } from "../../../protocol/core/limits.ts"
import { path } from "../../../protocol/names.ts"
import type { RunOptions } from "../../cluster/process/runProgram.ts"
import { tunnelSide } from "../../e2e/sides.ts"
import type { MintOptions } from "../../idp/IdentityProvider.ts"
import { eventually } from "../../world/eventually.ts"
import { listening, type Program } from "../../world/Program.ts"
import { startWorld, type User, type World } from "../../world/World.ts"
import { AuditTrail, type Mark } from "./AuditTrail.ts"
import { type Connected, clusterRoots, connectRaw, type Entrance } from "./carriers.ts"
import {
  accountNamespace,
  relayCommand,
  type SecondCluster,
  startOutside,
  startSecondCluster,
} from "./SecondCluster.ts"

/** Where all attacks start from: real programs, a real API server, and somebody who has a valid account. */
export interface AttackRange {
  readonly world: World
  readonly second: SecondCluster
  readonly audit: AuditTrail
  readonly ca: TrustedRoots
  readonly stack: AsyncDisposableStack
  readonly relayConfig: string
  /** Every token that was made, for the search for leaks. */
  readonly tokens: string[]
  /** Programs outside that a class of attacks started: users' proxies, a relay of its own. */
  readonly started: Program[]
  /** Those in the cluster's network namespace. */
  readonly inside: () => readonly Program[]
  readonly programs: () => readonly Program[]
  /** A good token for a cluster. */
  clusterToken(
    claims?: Record<string, unknown>,
    options?: Partial<MintOptions> & { readonly cluster?: string },
  ): Promise<string>
  relayToken(subject?: string): Promise<string>
  entrance(cluster?: string, subject?: string): Promise<Entrance>
  /** A raw connection to an auth proxy through relay and agent; ended with {@link hangUp}. */
  connect(cluster?: string, subject?: string): Promise<Connected>
  /** Ends every raw connection of the test. */
  hangUp(): void
  /**
   * Proves by the API server's record what an attack made the auth proxies do: a harmless request is sent afterwards, and when
   * that is on record, everything before it is. Returns what else reached the API server.
   */
  reached(mark: Mark): Promise<readonly string[]>
  /** A user's proxy with a given environment; `arguments` are added to the command line. */
  user(name: string, options?: UserOptions): Promise<User>
  relay(...args: readonly string[]): Promise<string>
  apply(objects: readonly object[], options?: RunOptions): Promise<void>
}

export interface UserOptions {
  readonly cluster?: string
  readonly env?: NodeJS.ProcessEnv
  readonly groups?: readonly string[]
}

export const mallory = "mallory"

/** How long the two auth proxies keep a stream without a carrier, and the memory of one that has ended. */
export interface Holds {
  readonly firstSeconds: number
  readonly secondSeconds: number
}

export const startAttackRange = async (
  stack: AsyncDisposableStack,
  onProgress: (line: string) => void,
  holds: Holds = { firstSeconds: authProxyHoldMillis / 1000, secondSeconds: 10 },
): Promise<AttackRange> => {
  const world = await startWorld(stack, { level: "control-plane", holdSeconds: holds.firstSeconds, onProgress })
  const relayConfig = join(world.directory, "relay", "config.yaml")
  const ca = trustedRoots({ files: [world.caFile] })
  const tokens: string[] = []
  const relayHost = new URL(world.relayUrl).host
  const audienceOf = (cluster: string) => `clusterconnect:${relayHost}/${cluster}`
  const mint: World["identityProvider"]["mint"] = async (claims, options) => {
    const token = await world.identityProvider.mint(claims, { expiresInSeconds: 3600, ...options })
    tokens.push(token)
    return token
  }
  const relayToken = (subject = mallory) => mint({ sub: subject }, { audience: `clusterconnect:${relayHost}` })
  const clusterToken: AttackRange["clusterToken"] = (claims = {}, { cluster = world.clusterName, ...options } = {}) =>
    mint({ sub: mallory, groups: ["outsiders"], ...claims }, { audience: audienceOf(cluster), ...options })
  const entrance = async (cluster = world.clusterName, subject = mallory): Promise<Entrance> => ({
    relayUrl: world.relayUrl,
    cluster,
    relayToken: await relayToken(subject),
    ca,
  })

  // Before the second cluster exists nobody can be in its policy.
  const configuration = parse(readFileSync(relayConfig, "utf8")) as Record<string, unknown>
  const policy = [{ issuer: "main", clusters: [world.clusterName, "edge-2"], role: "connect" }]
  await writeFileAtomic(relayConfig, stringify({ ...configuration, policy }))
  const second = await startSecondCluster(stack, world, relayConfig, holds.secondSeconds)
  onProgress("second cluster joined")
  for (const subject of [mallory]) {
    const there = await entrance(second.name, subject)
    await eventually("the relay's new policy", 10_000, async () => {
      const headers = { authorization: `Bearer ${there.relayToken}` }
      const { status } = await requestJson(`${world.relayUrl}${path.cluster(second.name)}`, { headers, ca })
      return status === 200 ? { done: status } : { seen: status }
    })
  }

  const audit = new AuditTrail(world.cluster.auditLog!, `system:serviceaccount:${accountNamespace}:`)
  const roots = new Map<string, Promise<readonly string[]>>()
  const rootsOf = (there: Entrance) => {
    const known = roots.get(there.cluster) ?? clusterRoots(there)
    roots.set(there.cluster, known)
    return known
  }
  let open: Connected[] = []
  const connect = async (cluster?: string, subject?: string): Promise<Connected> => {
    const there = await entrance(cluster, subject)
    const connected = await connectRaw(there, await rootsOf(there))
    open.push(connected)
    return connected
  }
  let judge: { readonly connected: Connected; readonly token: string } | undefined
  const started: Program[] = []
  const inside = () => [world.agent, world.authProxy, second.agent, second.authProxy]

  const user = async (name: string, options: UserOptions = {}): Promise<User> => {
    const { cluster = world.clusterName, env = {}, groups = [] } = options
    const folder = mkdtempSync(join(world.directory, `${name}-`))
    const write = (file: string, text: string) => {
      writeFileSync(join(folder, file), text, { mode: 0o600 })
      return join(folder, file)
    }
    const kubeconfig = join(folder, "kubeconfig")
    const proxy = startOutside(
      stack,
      `proxy of ${name}`,
      "clusterconnect",
      [
        ...["proxy", cluster, "--relay", world.relayUrl, "--ca-file", world.caFile],
        ...["--pin", cluster === second.name ? second.pin : world.pin],
        ...["--token-file", write("cluster-token", await clusterToken({ sub: name, groups }, { cluster }))],
        ...["--relay-token-file", write("relay-token", await relayToken(name))],
        ...["--file", kubeconfig, "--log-format", "json", "--log-level", "debug"],
      ],
      { HOME: folder, XDG_CONFIG_HOME: join(folder, "c"), XDG_STATE_HOME: join(folder, "s"), ...env },
    )
    started.push(proxy)
    await listening(proxy, cluster)
    return { name, kubeconfig, proxy, kubectl: tunnelSide(world.cluster.kubectl, kubeconfig) }
  }

  return {
    world,
    second,
    audit,
    ca,
    stack,
    relayConfig,
    tokens,
    started,
    inside,
    programs: () => [world.relay, ...inside(), ...started],
    clusterToken,
    relayToken,
    entrance,
    connect,
    hangUp: () => {
      for (const { raw } of open) raw.leave()
      open = []
      judge = undefined
    },
    async reached(mark) {
      judge ??= { connected: await connect(), token: await clusterToken() }
      const barrier = `/version?barrier=${randomUUID()}`
      const host = "Host: edge-1.clusterconnect.internal"
      const answer = await judge.connected.raw.ask(
        `GET ${barrier} HTTP/1.1\r\n${host}\r\nAuthorization: Bearer ${judge.token}\r\n\r\n`,
      )
      if (answer.status !== 200) throw new Error(`the harmless request got ${answer.status}: ${answer.body}`)
      await audit.event(mark, "the harmless request", ({ requestURI }) => requestURI === barrier)
      return audit
        .since(mark)
        .filter(({ requestURI }) => !requestURI.startsWith("/version?barrier="))
        .map(({ verb, requestURI, impersonatedUser }) => `${verb} ${requestURI} as ${impersonatedUser?.username}`)
    },
    user,
    relay: (...args) => relayCommand(relayConfig, args),
    apply: async (objects, options = {}) => {
      const list = { apiVersion: "v1", kind: "List", items: objects }
      await world.cluster.admin(["apply", "--server-side", "-f", "-"], { ...options, input: JSON.stringify(list) })
    },
  }
}
