import { join } from "node:path"
import type { Cluster } from "../Cluster.ts"
import { insideCommand } from "../instance/anchor.ts"
import { type Daemon, startDaemon } from "../process/Daemon.ts"
import { NotOffered } from "../provider/outsideCluster.ts"

/**
 * Starts a long-running program inside, beside the cluster's own; its log is NAME.log in the cluster's directory. It ends
 * with the cluster and with this process. Throws NotOffered where a provider has no inside of its own.
 */
export function startBeside(
  cluster: Cluster,
  name: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Daemon {
  if (cluster.namespace === undefined) {
    throw new NotOffered(`${name} runs beside a cluster that was built here, not beside one of ${cluster.provider}`)
  }
  return startDaemon({
    name,
    command: insideCommand(cluster.namespace, cluster.directory, command),
    logFile: join(cluster.directory, `${name}.log`),
    endsWithUs: true,
    env,
  })
}
