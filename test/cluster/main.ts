import type { Level } from "./Cluster.ts"
import { lockInstances } from "./instance/createInstance.ts"
import { endInstance } from "./instance/endInstance.ts"
import { INSTANCES_DIRECTORY, isOrphan, listInstances, readRecord } from "./instance/InstanceRecord.ts"
import { prepareCluster, startCluster } from "./startCluster.ts"

const USAGE = `usage: bun run cluster COMMAND
  up [--control-plane] [--open] [--emulated-version=1.34]
                  start a cluster that stays: real pods (or only an API server), closed to every
                  inbound connection (unless --open)
  status          the clusters of this machine
  down [NUMBER]   end those that "up" started, or one by number
  prepare [--control-plane]
                  only say which provider it would be, and build what it needs
`

/** Options are few and fixed: anything unknown is a usage error. */
async function up(args: readonly string[]): Promise<void> {
  let level: Level = "node"
  let closed = true
  let emulatedVersion: string | undefined
  for (const arg of args) {
    if (arg === "--control-plane") level = "control-plane"
    else if (arg === "--open") closed = false
    else if (/^--emulated-version=\d+\.\d+$/.test(arg)) emulatedVersion = arg.slice(arg.indexOf("=") + 1)
    else usage()
  }
  const version = emulatedVersion === undefined ? {} : { emulatedVersion }
  const cluster = await startCluster({ level, closed, detached: true, name: "bun run cluster up", ...version })
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

function status(): void {
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

/** Without a number a running test's cluster is left alone. */
async function down(args: readonly string[]): Promise<void> {
  if (args.length > 1 || args.some((arg) => !/^[1-9]\d*$/.test(arg))) usage()
  // A start that ends orphans at the same time would stumble over half of one.
  await using _lock = await lockInstances()
  const instances = listInstances()
  const asked = args[0] === undefined ? undefined : Number(args[0])
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

function usage(): never {
  process.stderr.write(USAGE)
  process.exit(2)
}

const [command, ...args] = process.argv.slice(2)
try {
  if (command === "up") await up(args)
  else if (command === "status") status()
  else if (command === "down") await down(args)
  else if (command === "prepare")
    await prepareCluster({ level: args[0] === "--control-plane" ? "control-plane" : "node" })
  else usage()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
