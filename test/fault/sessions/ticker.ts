import { CoreV1Api, KubeConfig } from "@kubernetes/client-node"
import type { Cluster } from "../../cluster/Cluster.ts"
import { namespace } from "../faultObjects.ts"

const tickMillis = 400

/** Writes the ConfigMap that the watch shows, with a number that grows by one. */
export const startTicker = (cluster: Cluster): { stop(): Promise<void> } => {
  const config = new KubeConfig()
  config.loadFromFile(cluster.outsideKubeconfig)
  const api = config.makeApiClient(CoreV1Api)
  let stopped = false
  const ticking = (async () => {
    for (let n = 1; !stopped; n += 1) {
      await api.replaceNamespacedConfigMap({
        name: "ticker",
        namespace,
        body: { metadata: { name: "ticker", labels: { app: "ticker" } }, data: { n: `${n}` } },
      })
      await new Promise((resolve) => setTimeout(resolve, tickMillis))
    }
  })()
  return {
    async stop() {
      stopped = true
      await ticking
    },
  }
}
