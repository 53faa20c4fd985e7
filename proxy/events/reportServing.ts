import { loopback } from "../endpoint/LocalEndpoint.ts"
import type { PlacedKubeconfig } from "../kubeconfig/placeKubeconfig.ts"
import type { Served } from "../notices.ts"
import type { Report } from "./ClientEvent.ts"

/** Reports that the clusters can be used: `listening` for each, then `ready`; `background` says where they are served, if not here. */
export const reportServing = (
  report: Report,
  served: readonly Served[],
  { path, merged }: PlacedKubeconfig,
  relay: string,
  background?: { readonly pid: number; readonly log: string },
): void => {
  const kubeconfig = path === undefined ? {} : { kubeconfig: path }
  for (const { cluster, context, port, insteadOf } of served) {
    const instead = insteadOf === undefined ? {} : { insteadOf }
    void report({ event: "listening", cluster, context, relay, host: loopback, port, ...instead, ...kubeconfig })
  }
  void report({ event: "ready", clusters: served.map(({ cluster }) => cluster), ...kubeconfig, merged, ...background })
}
