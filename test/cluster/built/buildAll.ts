import type { Level } from "../Cluster.ts"
import { buildPrograms } from "../programs/buildPrograms.ts"
import { ensurePackages } from "../programs/debianPackages.ts"
import { corednsModule, type GoModule, kubernetesModule, nodeModule } from "../programs/modules.ts"
import type { NodePrograms } from "./node.ts"
import { kubebuilderAssets, programsOf } from "./wantedPrograms.ts"

export interface Programs {
  /** Directory of etcd and kube-apiserver. */
  readonly control: string
  readonly node: (NodePrograms & { readonly runtime: string }) | undefined
}

/** Everything a level needs from outside the checkout: system packages, then the programs that are not in the cache yet. */
export async function buildAll(level: Level, onProgress: (line: string) => void): Promise<Programs> {
  await ensurePackages(level, onProgress)
  const assets = kubebuilderAssets(level)
  if (assets !== undefined) onProgress(`etcd and kube-apiserver come from KUBEBUILDER_ASSETS (${assets})`)
  const directories = new Map<GoModule, string>()
  for (const [module, names] of await programsOf(level)) {
    directories.set(module, await buildPrograms(module, names, onProgress))
  }
  const kubernetes = directories.get(kubernetesModule)!
  const control = assets ?? kubernetes
  if (level === "control-plane") return { control, node: undefined }
  const runtime = directories.get(nodeModule)!
  return { control, node: { kubernetes, runtime, coredns: directories.get(corednsModule)! } }
}
