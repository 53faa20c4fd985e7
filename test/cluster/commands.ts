import type { ClusterOptions } from "./Cluster.ts"
import { lockInstances } from "./instance/createInstance.ts"
import { endInstance } from "./instance/endInstance.ts"
import { INSTANCES_DIRECTORY, isOrphan, listInstances, readRecord } from "./instance/InstanceRecord.ts"
import { startCluster } from "./startCluster.ts"

/** Starts a cluster that stays, and says how to use and to end it. */
export async function up(options: Pick<ClusterOptions, "level" | "closed" | "emulatedVersion">): Promise<void> {
  const cluster = await startCluster({ ...options, detached: true, name: "bun run cluster up" })
  process.stdout.write(`
The cluster runs. ${cluster.proves}.

  export KUBECONFIG=${cluster.outsideKubeconfig}
  ${cluster.kubectl} get pods --all-namespaces

inside:   ip netns exec ${cluster.namespace} …   (address ${cluster.insideAddress}, KUBECONFIG=${cluster.adminKubeconfig})
outside:  what listens on ${cluster.outsideAddress} can be dialled from inside
image:    clusterconnect.test/busybox:1 is loaded (level node)
logs:     ${cluster.directory}/*.log
end it:   bun run cluster down
`)
}

/** Lists the clusters of this machine, and to whom each belongs. */
export function status(): void {
  const instances = listInstances()
  if (instances.length === 0) process.stdout.write(`no clusters (${INSTANCES_DIRECTORY})\n`)
  for (const instance of instances) {
    const record = readRecord(instance)
    const state = isOrphan(record)
      ? "left by a killed run; the next start removes it"
      : record?.owner === null
        ? 'started by "up"'
        : `of process ${record?.owner?.pid}`
    process.stdout.write(`${instance}  ${record?.level ?? "?"}  ${record?.name ?? "?"}  (${state})\n`)
  }
}

/** Ends the cluster of this number. Without one a running test's cluster is left alone. */
export async function down(asked: number | undefined): Promise<void> {
  // A start that ends orphans at the same time would stumble over half of one.
  await using _lock = await lockInstances()
  const instances = listInstances()
  if (asked !== undefined && !instances.includes(asked)) {
    throw new Error(`there is no cluster ${asked}; "bun run cluster status" lists them`)
  }
  const ended = instances.filter((instance) => {
    const record = readRecord(instance)
    return asked === undefined ? record?.owner === null || isOrphan(record) : instance === asked
  })
  for (const instance of ended) await endInstance(instance)
  process.stdout.write(ended.length === 0 ? "nothing to end\n" : `ended ${ended.join(", ")}\n`)
}
