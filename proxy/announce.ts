import type { Log } from "../platform/logs.ts"
import { loopback } from "./endpoint/LocalEndpoint.ts"
import type { Report } from "./events/ClientEvent.ts"
import { reportServing } from "./events/reportServing.ts"
import type { PlacedKubeconfig } from "./kubeconfig/placeKubeconfig.ts"
import { readyLines, type Served } from "./notices.ts"
import type { ServedCluster } from "./serveClusters.ts"

export interface Surroundings {
  readonly log: Log
  /** Notices become log lines. */
  readonly json: boolean
  /** Notices become events instead. */
  readonly report?: Report | undefined
}

export interface Announced {
  readonly kubeconfig: PlacedKubeconfig
  readonly relay: string
  /** Of a background proxy: how it is found again. */
  readonly background?: { readonly pid: number; readonly log: string }
}

export const noticeOf = ({ link, entry, port, insteadOf }: ServedCluster): Served => ({
  cluster: link.cluster,
  context: entry.name,
  port,
  insteadOf,
})

/** Says that the clusters are served: to a person in lines, to a program in events or log lines. */
export const announce = (
  served: readonly Served[],
  { kubeconfig, relay, background }: Announced,
  { log, json, report }: Surroundings,
): void => {
  if (report !== undefined) reportServing(report, served, kubeconfig, relay, background)
  else if (json) {
    const common = { host: loopback, kubeconfig: kubeconfig.path, relay, ...background }
    for (const line of served) log.info("listening", { listener: line.cluster, ...line, ...common })
  } else process.stderr.write(`${readyLines(served, kubeconfig, process.platform, background).join("\n")}\n`)
}
