import { mkdirSync, mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { installation, manifestText } from "../../deploy/manifests/installation.ts"
import { defaultNamespace, operatorName } from "../../deploy/manifests/names.ts"
import { childName } from "../../operator/children/childNames.ts"
import type { Cluster } from "../cluster/Cluster.ts"
import { type Registry, startRegistry } from "../cluster/delivery/startRegistry.ts"
import { startCluster } from "../cluster/startCluster.ts"
import { eventually } from "../world/eventually.ts"
import { type Outside, startOutside } from "../world/Outside.ts"
import { type Starter, starter } from "../world/Starter.ts"
import { startUser, type User } from "../world/User.ts"
import { clusterConnect, type Wish } from "./clusterConnect.ts"
import { pushProductImage } from "./pushProductImage.ts"

/**
 * A closed cluster with real pods and a registry, the image of this checkout in it, and outside a relay and an identity provider.
 * Whether and how the operator is installed is the scenarios' business.
 */
export interface OperatorWorld {
  readonly cluster: Cluster
  readonly registry: Registry
  readonly outside: Outside
  readonly directory: string
  /** Where the operator and its children live. */
  readonly namespace: string
  /** Reference by digest of the image that was made of this checkout. */
  readonly image: string
  /** The same as the version 1.0.1, made when it is first asked for: its reference by digest. */
  nextImage(): Promise<string>
  /** Names of the clusters that are registered at the relay. */
  registered(): Promise<readonly string[]>
  /** A second relay with an identity provider of its own. */
  secondOutside(): Promise<Outside>
  /** Makes the objects as an administrator does, with server-side apply. */
  apply(objects: readonly object[]): Promise<void>
  /** What `kubectl apply -f install.yaml` does; returns when a leader may be elected. */
  install(): Promise<void>
  /** A new join token of the relay, in the Secret that the resource of this name names. */
  joinToken(resource: string, clusterName: string, outside?: Outside): Promise<void>
  /** The same, and the ClusterConnect. */
  connect(wish: Omit<Wish, "joinTokenSecret" | "outside"> & { readonly outside?: Outside }): Promise<void>
  /** Returns when the resource is Ready; what it is instead is in the error. */
  ready(resource: string): Promise<void>
  /** Returns when all that the resource wants runs: every pod of agent and auth proxy, and a control session of each agent; and its status knows. */
  complete(resource: string): Promise<void>
  /** What the resource's status shows for clients to pin. */
  pin(resource: string): Promise<string>
  /** A user with a running proxy, who pins what the resource's status shows, or what they had pinned before. */
  user(
    name: string,
    groups: readonly string[],
    resource: string,
    options?: { readonly outside?: Outside; readonly pin?: string },
  ): Promise<User>
}

/** Five seconds on idle cores, images there. */
const READY_TIMEOUT = "90s"

export const startOperatorWorld = async (
  stack: AsyncDisposableStack,
  onProgress: (line: string) => void,
): Promise<OperatorWorld> => {
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-operator-"))
  stack.defer(async () => void (await rm(directory, { recursive: true, force: true })))
  const cluster = await startCluster({ level: "node", closed: true, auditLog: true, name: "operator", onProgress })
  stack.defer(async () => void (await cluster.stop()))
  const programs = starter(stack)
  const beside = (name: string): Promise<Outside> => {
    const own = join(directory, name)
    mkdirSync(own)
    return startOutside(stack, programs, {
      host: cluster.outsideAddress,
      directory: own,
      clusters: ["*"],
      onProgress,
    })
  }
  const registry = await startRegistry(cluster, onProgress)
  const buildImage = (version: string) => pushProductImage(registry, join(directory, "image"), version)
  const image = await buildImage("1.0.0")
  onProgress(`image: ${image}`)
  const outside = await beside("first")
  let next: Promise<string> | undefined
  const nextImage = () => {
    next ??= buildImage("1.0.1")
    return next
  }
  const secondOutside = () => beside("second")
  return world({ cluster, registry, outside, directory, image, programs, nextImage, secondOutside })
}

const world = (parts: {
  readonly cluster: Cluster
  readonly registry: Registry
  readonly outside: Outside
  readonly directory: string
  readonly image: string
  readonly programs: Starter
  readonly nextImage: () => Promise<string>
  readonly secondOutside: () => Promise<Outside>
}): OperatorWorld => {
  const { cluster, programs, image } = parts
  const namespace = defaultNamespace
  const apply = async (text: string) => {
    await cluster.admin(["apply", "--server-side", "--validate=strict", "--filename=-"], { input: text })
  }
  const joinToken = async (resource: string, clusterName: string, outside = parts.outside) => {
    const token = (await outside.relayCommand(["token", "create", clusterName])).trim()
    const metadata = { name: `${resource}-join`, namespace }
    await apply(manifestText([{ apiVersion: "v1", kind: "Secret", metadata, stringData: { token } }]))
  }
  const field = (resource: string, path: string) =>
    cluster.admin(["get", `clusterconnect/${resource}`, `--output=jsonpath={${path}}`])
  const until = async (resource: string, condition: string) => {
    const object = `clusterconnect/${resource}`
    try {
      await cluster.admin(["wait", object, `--for=${condition}`, `--timeout=${READY_TIMEOUT}`])
    } catch (error) {
      const status = await cluster.admin(["get", object, "--output=jsonpath={.status}"])
      throw new Error(`${object} does not get to ${condition}: ${status}`, { cause: error })
    }
  }
  return {
    ...parts,
    namespace,
    apply: (objects) => apply(manifestText(objects)),
    async install() {
      await apply(manifestText(installation({ image, namespace })))
      const deployment = ["--namespace", namespace, `deployment/${operatorName}`]
      await cluster.admin(["rollout", "status", ...deployment, "--timeout=120s"])
    },
    joinToken,
    async connect({ outside = parts.outside, ...wish }) {
      await joinToken(wish.name, wish.clusterName, outside)
      await apply(manifestText([clusterConnect({ ...wish, joinTokenSecret: `${wish.name}-join`, outside })]))
    },
    async registered() {
      const { clusters } = JSON.parse(await parts.outside.relayCommand(["cluster", "list"]))
      return clusters.map(({ name }: { name: string }) => name)
    },
    ready: (resource) => until(resource, "condition=Ready"),
    async complete(resource) {
      await until(resource, "condition=Ready")
      for (const role of ["agent", "auth-proxy"] as const) {
        const deployment = ["--namespace", namespace, `deployment/${childName(resource, role)}`]
        await cluster.admin(["rollout", "status", ...deployment, `--timeout=${READY_TIMEOUT}`])
      }
      const agents = await cluster.admin([
        "get",
        `clusterconnect/${resource}`,
        "--output=jsonpath={.spec.agent.replicas}",
      ])
      await until(resource, `jsonpath={.status.agent.sessions}=${agents}`)
      await eventually(`${resource} shows that its rollouts are over`, 90_000, async () => {
        const seen = await field(resource, ".status.conditions[?(@.type=='Reconciling')].reason")
        return seen === "Progressing" ? { seen } : { done: undefined }
      })
      await until(resource, "condition=Ready")
    },
    pin: (resource) => field(resource, ".status.identityPin"),
    async user(name, groups, resource, { outside = parts.outside, pin } = {}) {
      const { user } = await startUser(programs, {
        ...{ name, groups, outside },
        clusterName: await field(resource, ".spec.clusterName"),
        pin: pin ?? (await field(resource, ".status.identityPin")),
        kubectl: cluster.kubectl,
        directory: parts.directory,
      })
      return user
    },
  }
}
