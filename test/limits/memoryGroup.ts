import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const prefix = "clusterconnect-memory-"
const version1 = "/sys/fs/cgroup/memory"
const version2 = "/sys/fs/cgroup"

/** A control group of the kernel with a limit of memory, of whichever version the machine has. To be removed when no process is left in it. */
export interface MemoryGroup {
  readonly take: (pid: number) => void
  readonly remove: () => void
}

export const memoryGroup = (limitBytes: number): MemoryGroup => {
  const isFirst = existsSync(join(version1, "memory.limit_in_bytes"))
  const parent = isFirst ? version1 : version2
  for (const name of readdirSync(parent)) if (name.startsWith(prefix)) removeEmpty(join(parent, name))
  if (!isFirst) writeFileSync(join(parent, "cgroup.subtree_control"), "+memory")
  const folder = join(parent, `${prefix}${process.pid}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, isFirst ? "memory.limit_in_bytes" : "memory.max"), String(limitBytes))
  return {
    take: (pid) => writeFileSync(join(folder, "cgroup.procs"), String(pid)),
    remove: () => rmdirSync(folder),
  }
}

/** Why there can be none here; undefined when there can. */
export const whyNoMemoryGroup = (): string | undefined => {
  try {
    memoryGroup(2 ** 30).remove()
    return undefined
  } catch (error) {
    return `no control group can be made here: ${String(error)}`
  }
}

/** One that a killed run has left; another run's, which is in use, stays. */
const removeEmpty = (folder: string) => {
  try {
    rmdirSync(folder)
  } catch {}
}
