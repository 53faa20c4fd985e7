import { runningFolder } from "../control/controlPlace.ts"
import { runningProxies } from "../control/runningProxies.ts"
import type { Directories } from "../directories.ts"
import { loopback } from "../endpoint/LocalEndpoint.ts"
import { LocalFailure } from "../failures.ts"
import { isFree } from "./entryPort.ts"

/** Why an entry's proxy cannot have its port, and what helps; undefined when nobody listens there. */
export const portTaken = async (
  port: number,
  cluster: string,
  places: Directories,
): Promise<LocalFailure | undefined> => {
  if (await isFree(port)) return undefined
  const holder = (await runningProxies(runningFolder(places)))
    .flatMap(({ status }) => status ?? [])
    .find(({ clusters }) => clusters.some((one) => one.port === port))
  const by =
    holder === undefined
      ? "another program listens there"
      : `your proxy for ${holder.clusters.map((one) => one.cluster).join(", ")} (pid ${holder.pid}) listens there`
  return new LocalFailure({
    detail: `${loopback}:${port} cannot be used: ${by}. It is the port of the entry: end what has it, or write the entry again: clusterconnect kubeconfig ${cluster}, with the flags that it was written with`,
  })
}
