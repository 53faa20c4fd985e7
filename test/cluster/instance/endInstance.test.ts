import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bootId, identityOf } from "../process/processIdentity.ts"
import { cgroupPaths } from "./cgroups.ts"
import { InstanceRemains, mountsBelow, refuseMounted } from "./endInstance.ts"
import { firewallRules } from "./firewall.ts"
import { type InstanceRecord, isOrphan } from "./InstanceRecord.ts"

const record: InstanceRecord = {
  instance: 1,
  name: "a test",
  level: "node",
  bootId: bootId(),
  owner: identityOf(process.pid)!,
  processes: [],
}

describe("whose instance it is", () => {
  test("an instance of a running process is no orphan", () => {
    expect(isOrphan(record)).toBe(false)
  })

  test("a person's instance is no orphan, whoever runs", () => {
    expect(isOrphan({ ...record, owner: null })).toBe(false)
  })

  test("a pid that now belongs to another process does not own the instance", () => {
    expect(isOrphan({ ...record, owner: { pid: process.pid, startTicks: "1" } })).toBe(true)
  })

  test("after a reboot every instance is an orphan, a person's too", () => {
    expect(isOrphan({ ...record, bootId: "another boot" })).toBe(true)
    expect(isOrphan({ ...record, bootId: "another boot", owner: null })).toBe(true)
  })

  test("an instance without a record is an orphan", () => {
    expect(isOrphan(undefined)).toBe(true)
  })
})

describe("what is found of an instance", () => {
  test("mounts below its directory, innermost first, and nobody else's", () => {
    const line = (path: string) => `36 35 98:0 / ${path} rw,noatime shared:1 - ext4 /dev/root rw`
    const mountinfo = ["/", "/a/1", "/a/1/pods/x", "/a/10", "/a/1/a\\040blank"].map(line).join("\n")
    expect(mountsBelow("/a/1", mountinfo)).toEqual(["/a/1/a blank", "/a/1/pods/x", "/a/1"])
    expect(() => refuseMounted("/a/1", mountinfo)).toThrow(InstanceRemains)
    expect(() => refuseMounted("/a/2", mountinfo)).not.toThrow()
  })

  describe("cgroups", () => {
    let root: string
    beforeAll(() => {
      root = mkdtempSync(join(tmpdir(), "clusterconnect-cgroups-"))
    })
    afterAll(() => rmSync(root, { recursive: true }))
    const hierarchy = (path: string) => {
      mkdirSync(path, { recursive: true })
      writeFileSync(join(path, "cgroup.procs"), "")
    }

    test("in every hierarchy of version 1, and once in the tree of version 2", () => {
      const one = join(root, "one")
      for (const name of ["memory", "pids", "unified"]) hierarchy(join(one, name))
      mkdirSync(join(one, "no-hierarchy"))
      expect([...cgroupPaths(7, one)].sort()).toEqual(
        ["memory", "pids", "unified"].map((name) => join(one, name, "clusterconnect-7")),
      )
      const two = join(root, "two")
      hierarchy(two)
      hierarchy(join(two, "system.slice"))
      expect(cgroupPaths(7, two)).toEqual([join(two, "clusterconnect-7")])
    })
  })

  test("only a closed instance has rules that drop", () => {
    const podRange = "10.88.0.0/16"
    expect(firewallRules({ podRange, closed: false })).not.toMatch(/ drop$/m)
    expect(firewallRules({ podRange, closed: true }).match(/ drop$/gm)).toHaveLength(2)
  })
})
