import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { identityOf, killProcesses } from "../process/processIdentity.ts"

const ROOT = "/sys/fs/cgroup"

/** What pods are limited and counted by; a machine may lack some. */
const CONTROLLERS = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"]

/** Everything that the kubelet makes for pods of the instance lies below this cgroup. */
export function cgroupName(instance: number): string {
  return `clusterconnect-${instance}`
}

/** The instance's cgroup in every hierarchy. Version 1 has a directory per controller, version 2 one tree; a mixed machine has both. */
export function cgroupPaths(instance: number, root: string = ROOT): readonly string[] {
  return [root, ...directoriesIn(root)]
    .filter((parent) => existsSync(join(parent, "cgroup.procs")))
    .filter((parent) => parent === root || !existsSync(join(root, "cgroup.procs")))
    .map((parent) => join(parent, cgroupName(instance)))
}

/** The kubelet insists that its root is there, with every controller. */
export function createCgroups(instance: number): void {
  for (const path of cgroupPaths(instance)) {
    const control = join(path, "../cgroup.subtree_control")
    if (existsSync(control)) for (const controller of CONTROLLERS) enable(control, controller)
    mkdirSync(path, { recursive: true })
  }
}

/** Kills what is left in the instance's cgroups and removes them, deepest first. */
export async function removeCgroups(instance: number): Promise<void> {
  for (const path of cgroupPaths(instance)) {
    if (!existsSync(path)) continue
    for (const directory of deepestFirst(path)) {
      const pids = readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number)
      await killProcesses(pids.map(identityOf).filter((identity) => identity !== undefined))
      rmdirSync(directory)
    }
  }
}

/** A controller that the kernel lacks or that version 1 holds is no error: the kubelet says what it misses. */
function enable(control: string, controller: string): void {
  try {
    writeFileSync(control, `+${controller}`)
  } catch {}
}

function deepestFirst(directory: string): readonly string[] {
  return [...directoriesIn(directory).flatMap(deepestFirst), directory]
}

function directoriesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(directory, entry.name))
  } catch {
    return []
  }
}
