import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Cluster } from "../cluster/Cluster.ts"
import { buildHelm } from "../cluster/delivery/provideHelm.ts"
import { startCluster } from "../cluster/startCluster.ts"
import { type ClusterSide, startClusterSide } from "../world/clusterSide.ts"
import { type Outside, startOutside } from "../world/Outside.ts"
import { starter } from "../world/Starter.ts"

/** One of the clusters: a real control plane that nobody can dial into, with an agent and an auth proxy of its own. */
export interface Member {
  readonly name: string
  readonly cluster: Cluster
  readonly side: ClusterSide
}

/** Two real clusters behind one relay, and what a job has on its runner. */
export interface TwoClusters {
  readonly outside: Outside
  readonly first: Member
  readonly second: Member
  /** Where real kubectl and real helm lie. */
  readonly kubectl: string
  readonly helm: string
  readonly directory: string
}

/** What every job's identity may do in namespace `team` of both clusters. Aggregated roles are empty where no controller runs. */
const rights = (group: string) => [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "deployer", namespace: "team" },
    rules: [
      { apiGroups: [""], resources: ["configmaps", "secrets", "pods", "events"], verbs: ["*"] },
      { apiGroups: ["batch"], resources: ["jobs"], verbs: ["*"] },
    ],
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "deployer", namespace: "team" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "deployer" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: `oidc:${group}` }],
  },
]

export const deployers = "deployers"

/** Starts everything; `stack` undoes it, also when a later step fails. */
export const startTwoClusters = async (
  stack: AsyncDisposableStack,
  onProgress: (line: string) => void,
): Promise<TwoClusters> => {
  const directory = mkdtempSync(join(tmpdir(), "cc-job-"))
  stack.defer(async () => void (await rm(directory, { recursive: true, force: true })))
  const helm = await buildHelm(onProgress)
  const newCluster = async (name: string) => {
    const cluster = await startCluster({ level: "control-plane", name, closed: true, onProgress })
    stack.defer(async () => void (await cluster.stop()))
    await cluster.admin(["apply", "--server-side", "-f", "-"], {
      input: JSON.stringify({ apiVersion: "v1", kind: "List", items: rights(deployers) }),
    })
    return cluster
  }
  const clusters = [await newCluster("edge-1"), await newCluster("edge-2")] as const
  const programs = starter(stack)
  const outside = await startOutside(stack, programs, {
    host: clusters[0].outsideAddress,
    directory,
    clusters: ["edge-1", "edge-2"],
    onProgress,
  })
  const member = async (name: string, cluster: Cluster): Promise<Member> => {
    const side = await startClusterSide({
      cluster,
      clusterName: name,
      relayUrl: outside.relayUrl,
      caFile: outside.caFile,
      identityProvider: outside.identityProvider,
      joinToken: (await outside.relayCommand(["token", "create", name])).trim(),
      holdSeconds: 30,
      logLevel: [],
      start: programs.followed,
    })
    onProgress(`${name}: agent (pid ${side.agent.pid}), auth proxy (pid ${side.authProxy.pid})`)
    return { name, cluster, side }
  }
  const first = await member("edge-1", clusters[0])
  const second = await member("edge-2", clusters[1])
  return { outside, first, second, kubectl: clusters[0].kubectl, helm, directory }
}
