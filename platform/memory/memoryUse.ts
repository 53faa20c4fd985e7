import { readFileSync } from "node:fs"
import { join } from "node:path"

/** What a process and its siblings in one control group hold, kernel buffers of their sockets included. */
export interface MemoryUse {
  /** Bytes that the kernel cannot take back: all but the cache of files. */
  readonly usedBytes: number
  /** Beyond this the kernel ends the process. */
  readonly limitBytes: number
}

/** One of the two forms of control groups, by the names of its files. */
interface Form {
  readonly controller: RegExp
  readonly mount: string
  readonly used: string
  readonly limit: string
  /** Prefix of the numbers in memory.stat that count the group with what is below it. */
  readonly total: string
  /** Its name in memory.stat for the cache of files, files in memory included. */
  readonly cache: string
}
const forms: readonly Form[] = [
  {
    controller: /^0::(.*)$/m,
    mount: "sys/fs/cgroup",
    used: "memory.current",
    limit: "memory.max",
    total: "",
    cache: "file",
  },
  {
    controller: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    mount: "sys/fs/cgroup/memory",
    used: "memory.usage_in_bytes",
    limit: "memory.limit_in_bytes",
    total: "total_",
    cache: "cache",
  },
]

/** Version 1 says "no limit" by a number near 2^63. */
const unlimitedBytes = 2 ** 60

/**
 * Looks at the memory of this process's control group, version 1 or 2, as a container sees it or as its host does. `process.availableMemory()` of Bun does
 * not know the group. Undefined where there is none, no limit, or nothing that can be read: elsewhere than on Linux, for one.
 * @param root the file system's root, for tests
 */
export const memoryUse = (root = "/"): MemoryUse | undefined => {
  const groups = read(join(root, "proc/self/cgroup"))
  for (const form of forms) {
    const group = groups?.match(form.controller)?.[1]
    if (group === undefined) continue
    // A container sees its own group at the mount's top, under whatever name the host has for it.
    for (const folder of [join(root, form.mount, group), join(root, form.mount)]) {
      const use = useOf(folder, form)
      if (use !== undefined) return use
    }
  }
  return undefined
}

const useOf = (folder: string, { used, limit, total, cache }: Form): MemoryUse | undefined => {
  const limitBytes = number(read(join(folder, limit)))
  const current = number(read(join(folder, used)))
  const statistics = read(join(folder, "memory.stat"))
  if (limitBytes === undefined || limitBytes > unlimitedBytes || current === undefined || statistics === undefined)
    return undefined
  const of = (name: string) => number(statistics.match(new RegExp(`^${total}${name} (\\d+)$`, "m"))?.[1]) ?? 0
  return { usedBytes: current - (of(cache) - of("shmem")), limitBytes }
}

const number = (text: string | undefined): number | undefined => {
  const trimmed = text?.trim() ?? ""
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined
}

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}
