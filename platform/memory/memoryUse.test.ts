import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { memoryUse } from "./memoryUse.ts"

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "clusterconnect-memory-"))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const files = (contents: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
}
const version1 = (folder: string, limit = "805306368") => ({
  [`${folder}/memory.usage_in_bytes`]: "700000000\n",
  [`${folder}/memory.limit_in_bytes`]: `${limit}\n`,
  [`${folder}/memory.stat`]: "cache 5\nshmem 1\ntotal_cache 100000000\ntotal_rss 5\ntotal_shmem 30000000\n",
})
const version2 = (folder: string, limit = "805306368") => ({
  [`${folder}/memory.current`]: "700000000\n",
  [`${folder}/memory.max`]: `${limit}\n`,
  [`${folder}/memory.stat`]: "anon 5\nfile 100000000\nshmem 30000000\nsock 9\n",
})
/** The cache of files can be taken back, files in memory cannot. */
const seen = { usedBytes: 630_000_000, limitBytes: 805_306_368 }
const ofVersion1 = "9:name=systemd:/\n4:memory:/kubepods/pod1/c1\n2:cpu,cpuacct:/\n0::/\n"

describe("of a control group, what cannot be taken back and its limit are known", () => {
  test("version 2, in a container", () => {
    files({ "proc/self/cgroup": "0::/\n", ...version2("sys/fs/cgroup") })
    expect(memoryUse(root)).toEqual(seen)
  })

  test("version 2, on the host", () => {
    files({ "proc/self/cgroup": "0::/system.slice/a.service\n", ...version2("sys/fs/cgroup/system.slice/a.service") })
    expect(memoryUse(root)).toEqual(seen)
  })

  test("version 1, in a container, whose group has another name on the host", () => {
    files({ "proc/self/cgroup": ofVersion1, ...version1("sys/fs/cgroup/memory") })
    expect(memoryUse(root)).toEqual(seen)
  })

  test("version 1, on the host, beside a version 2 without memory", () => {
    files({
      "proc/self/cgroup": ofVersion1,
      ...version1("sys/fs/cgroup/memory", "9223372036854771712"),
      ...version1("sys/fs/cgroup/memory/kubepods/pod1/c1"),
    })
    expect(memoryUse(root)).toEqual(seen)
  })
})

describe("nothing is known", () => {
  test("where there is no limit", () => {
    files({ "proc/self/cgroup": "0::/a\n", ...version2("sys/fs/cgroup/a", "max") })
    expect(memoryUse(root)).toBeUndefined()
    files({ "proc/self/cgroup": ofVersion1, ...version1("sys/fs/cgroup/memory", "9223372036854771712") })
    expect(memoryUse(root)).toBeUndefined()
  })

  test("where there are no control groups", () => {
    expect(memoryUse(root)).toBeUndefined()
  })

  test("where a file holds something else", () => {
    files({ "proc/self/cgroup": "0::/\n", ...version2("sys/fs/cgroup"), "sys/fs/cgroup/memory.current": "" })
    expect(memoryUse(root)).toBeUndefined()
  })
})
