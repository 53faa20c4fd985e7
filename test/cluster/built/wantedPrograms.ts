import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Level } from "../Cluster.ts"
import { missingPrograms, programsDirectory } from "../programs/buildPrograms.ts"
import { chooseKubectl } from "../programs/kubectl.ts"
import { corednsModule, type GoModule, kubernetesModule, nodeModule } from "../programs/modules.ts"

const CONTROL_PLANE_PROGRAMS = ["etcd", "kube-apiserver"] as const
const NODE_PROGRAMS = ["kube-controller-manager", "kubelet", "kube-scheduler", "kube-proxy"] as const

/** Directory named by KUBEBUILDER_ASSETS if it holds etcd and kube-apiserver; undefined otherwise and for level node. */
export function kubebuilderAssets(level: Level, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const assets = environment.KUBEBUILDER_ASSETS
  if (level !== "control-plane" || !assets) return undefined
  return CONTROL_PLANE_PROGRAMS.every((name) => existsSync(join(assets, name))) ? assets : undefined
}

/** Which programs of which modules a level needs, kubectl only when no other will do. */
export async function programsOf(level: Level): Promise<readonly (readonly [GoModule, readonly string[]])[]> {
  const kubectl = (await chooseKubectl()).path === undefined ? ["kubectl"] : []
  const control = kubebuilderAssets(level) === undefined ? CONTROL_PLANE_PROGRAMS : []
  if (level === "control-plane") return [[kubernetesModule, [...control, ...kubectl]]]
  return [
    [kubernetesModule, [...control, ...kubectl, ...NODE_PROGRAMS]],
    [nodeModule, nodeModule.programs.map(({ name }) => name)],
    [corednsModule, corednsModule.programs.map(({ name }) => name)],
  ]
}

/** "nothing to build", or what will be built and how long that took elsewhere. */
export async function wanted(level: Level): Promise<string> {
  const missing: { name: string; secondsElsewhere: number }[] = []
  for (const [module, names] of await programsOf(level)) {
    missing.push(...missingPrograms(module, await programsDirectory(module), names))
  }
  if (missing.length === 0) return "all programs are in the cache"
  const seconds = missing.reduce((sum, { secondsElsewhere }) => sum + secondsElsewhere, 0)
  return `to build: ${missing.map(({ name }) => name).join(", ")} (${seconds} s on two cores elsewhere, plus downloads)`
}
