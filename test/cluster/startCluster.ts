import { buildAll } from "./built/buildAll.ts"
import { startBuilt } from "./built/startBuilt.ts"
import { wanted } from "./built/wantedPrograms.ts"
import type { Cluster, ClusterOptions } from "./Cluster.ts"
import { provideKubectl } from "./programs/kubectl.ts"
import { chooseProvider } from "./provider/chooseProvider.ts"
import { startK3s } from "./provider/k3s.ts"
import { startNamed } from "./provider/named.ts"
import { thisMachine } from "./provider/thisMachine.ts"

/**
 * A real Kubernetes from the first provider that can give what is asked for; says which one and what it will build
 * before anything that takes time. Throws NoProvider when there is none: a test is never skipped for want of a cluster.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const onProgress = options.onProgress ?? toStandardError
  const { provider, kubeconfig } = await choose(options, onProgress)
  switch (provider) {
    case "named":
      return startNamed(kubeconfig!, onProgress)
    case "k3s":
      return startK3s(onProgress)
    case "built":
      return startBuilt(options, onProgress)
  }
}

/** Says which provider the options will get and builds what it needs: minutes on a fresh machine, which no test's time limit has. */
export async function prepareCluster(options: ClusterOptions): Promise<void> {
  const onProgress = options.onProgress ?? toStandardError
  const { provider } = await choose(options, onProgress)
  if (provider === "built") await buildAll(options.level, onProgress)
  else await provideKubectl(onProgress)
}

async function choose(options: ClusterOptions, onProgress: (line: string) => void) {
  const machine = thisMachine(onProgress)
  const { provider, passedOver } = await chooseProvider(options, machine)
  for (const line of passedOver) onProgress(line)
  if (provider === "named") onProgress(`using the cluster of ${machine.kubeconfig}`)
  else if (provider === "k3s") onProgress("using k3s by testcontainers")
  else onProgress(`using Kubernetes built from Go modules, level ${options.level}; ${await wanted(options.level)}`)
  return { provider, kubeconfig: machine.kubeconfig }
}

function toStandardError(line: string): void {
  process.stderr.write(`cluster: ${line}\n`)
}
