import { expect, test } from "bun:test"
import { bothSay, end, lines, type Sides } from "../sides.ts"

const configMap = (name: string, value: string) =>
  JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "e2e" }, data: { value } })

/** Requests that change something, and watches that see it. */
export const writing = (sides: () => Sides): void => {
  test("server-side apply creates, changes and leaves alone, with the same words", async () => {
    const apply = ["apply", "--server-side", "-f", "-"]
    for (const side of ["direct", "tunnel"] as const) {
      const name = `applied-${side}`
      const apply1 = await sides()[side].run(apply, { input: configMap(name, "1") })
      const apply2 = await sides()[side].run(apply, { input: configMap(name, "2") })
      expect([apply1.stdout, apply1.stderr, apply1.code]).toEqual([`configmap/${name} serverside-applied\n`, "", 0])
      expect([apply2.stdout, apply2.stderr, apply2.code]).toEqual([`configmap/${name} serverside-applied\n`, "", 0])
      const read = await sides().direct.run(["get", "configmap", name, "-n", "e2e", "-o", "jsonpath={.data.value}"])
      expect(read.stdout).toBe("2")
    }
  })

  test("create, patch and delete do it once and say so", async () => {
    const { tunnel } = sides()
    expect((await tunnel.run(["create", "-f", "-"], { input: configMap("once", "1") })).stdout).toBe(
      "configmap/once created\n",
    )
    const again = await tunnel.run(["create", "-f", "-"], { input: configMap("once", "1") })
    expect(again.stderr).toContain("AlreadyExists")
    const patch = await tunnel.run(["patch", "configmap", "once", "-n", "e2e", "-p", '{"data":{"value":"9"}}'])
    expect(patch.stdout).toBe("configmap/once patched\n")
    expect((await tunnel.run(["delete", "configmap", "once", "-n", "e2e"])).stdout).toContain('"once" deleted')
    await bothSay(sides(), ["get", "configmap", "once", "-n", "e2e"])
  })

  test("a ConfigMap of 1 MB is created whole", async () => {
    const value = "0123456789".repeat(100_000)
    const done = await sides().tunnel.run(["create", "-f", "-"], { input: configMap("large-up", value) })
    expect(done.stdout).toBe("configmap/large-up created\n")
    const read = await sides().direct.run(["get", "configmap", "large-up", "-n", "e2e", "-o", "jsonpath={.data.value}"])
    expect(read.stdout === value).toBe(true)
    await sides().direct.run(["delete", "configmap", "large-up", "-n", "e2e"])
  })

  test("a quiet watch is established at once and shows a change when it happens", async () => {
    const watches = (["direct", "tunnel"] as const).map((side) => {
      const child = sides()[side].spawn(["get", "configmaps", "-n", "e2e", "-l", "seen=here", "-o", "name", "--watch"])
      return { child, seen: lines(child) }
    })
    const make = (name: string) =>
      sides().direct.run(["create", "-f", "-"], {
        input: JSON.stringify({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name, namespace: "e2e", labels: { seen: "here" } },
        }),
      })
    await make("watched-1")
    await Promise.all(watches.map(({ seen }) => seen.until("configmap/watched-1")))
    await make("watched-2")
    await Promise.all(watches.map(({ seen }) => seen.until("configmap/watched-2")))
    expect(watches[1]!.seen.seen).toEqual(watches[0]!.seen.seen)
    await Promise.all(watches.map(({ child }) => end(child)))
    await sides().direct.run(["delete", "configmaps", "-n", "e2e", "-l", "seen=here"])
  })
}
