import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import type { User } from "../../world/World.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { CuttingProxy } from "../range/CuttingProxy.ts"

const namespace = "cuts"
/** Handshakes, a request's head, bodies of some KiB, and deep in a list of 350 KB. */
const positions = [1, 37, 150, 400, 900, 1_500, 2_600, 4_200, 9_000, 30_000, 70_000, 150_000, 260_000, 340_000]

/** Cuts between the user's proxy and the relay, by a proxy on the way. The stream may go on over the next carrier; nothing may come out shorter, or twice. */
export const cuts = (range: () => AttackRange): void => {
  let cutter: CuttingProxy
  let user: User

  beforeAll(async () => {
    cutter = await CuttingProxy.start()
    await range().apply([
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: { name: "everything", namespace },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "oidc:cut-user" }],
      },
      ...Array.from({ length: 7 }, (_, index) => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: `large-${index}`, namespace },
        data: { text: `${index} of the list; `.repeat(2_900) },
      })),
    ])
    user = await range().user("cut-user", { env: { HTTPS_PROXY: cutter.url, NO_PROXY: "", no_proxy: "" } })
  })
  afterEach(() => range().hangUp())
  afterAll(async () => {
    await user.proxy.stop()
    await cutter.stop()
  })

  test("S26: a list that is cut on its way comes out whole or not at all", async () => {
    // Compressed it would be a few KiB.
    const args = [
      "--disable-compression",
      "get",
      "--raw",
      `/api/v1/namespaces/${namespace}/configmaps?labelSelector=!changing`,
    ]
    // The list's own resourceVersion moves with every write in the cluster.
    const items = (text: string) => JSON.stringify((JSON.parse(text) as { items: unknown }).items)
    const whole = items((await user.kubectl.run(args)).stdout)
    expect(whole.length).toBeGreaterThan(300_000)
    let completed = 0
    for (const position of positions) {
      cutter.cutAfter(position)
      const said = await user.kubectl.run(args)
      if (said.code === 0) expect([position, items(said.stdout) === whole]).toEqual([position, true])
      else expect(said.stderr).not.toBe("")
      completed += said.code === 0 ? 1 : 0
    }
    expect(cutter.cuts).toBeGreaterThanOrEqual(positions.length - 1)
    // They resume: that is the point of streams. A cut in a handshake of a new connection may cost a request.
    expect(completed).toBeGreaterThanOrEqual(positions.length - 2)
  }, 60_000)

  describe("S26, S27: what is written while connections are cut", () => {
    test("is there whole when kubectl says so, never half, and was sent once", async () => {
      const data = "0123456789abcdef".repeat(4_000)
      const digest = createHash("sha256").update(data).digest("hex")
      const mark = range().audit.mark()
      const outcomes = new Map<string, number>()
      for (const position of [...positions.slice(0, 10), 50_000, 62_000, 66_000]) {
        const name = `applied-${position}`
        const object = {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name, namespace, labels: { changing: "yes" } },
          data: { data },
        }
        cutter.cutAfter(position)
        const args = ["create", "--validate=false", "-f", "-"]
        const said = await user.kubectl.run(args, { input: JSON.stringify(object) })
        outcomes.set(name, said.code)
      }
      const list = JSON.parse(
        await range().world.cluster.admin(["get", "configmaps", "-n", namespace, "-l", "changing=yes", "-o", "json"]),
      ) as { items: { metadata: { name: string }; data: { data: string } }[] }
      await range().reached(mark)
      const there = new Map(list.items.map((item) => [item.metadata.name, item.data.data]))
      const posts = range()
        .audit.since(mark)
        .filter(({ verb, objectRef }) => verb === "create" && objectRef?.resource === "configmaps")
      for (const [name, code] of outcomes) {
        if (code === 0) expect([name, there.has(name)]).toEqual([name, true])
        const found = there.get(name)
        if (found !== undefined) expect(createHash("sha256").update(found).digest("hex")).toBe(digest)
        // The name of what is created is in the body: the audit log has it in the answer's reference.
        const sent = posts.filter(({ objectRef }) => objectRef?.name === name)
        expect([name, sent.length <= 1]).toEqual([name, true])
      }
      expect(posts.length).toBeLessThanOrEqual(outcomes.size)
      expect(posts.length).toBeGreaterThanOrEqual([...outcomes.values()].filter((code) => code === 0).length)
      expect(posts.filter(({ responseStatus }) => responseStatus?.code === 409)).toEqual([])
      expect([...outcomes.values()].filter((code) => code === 0).length).toBeGreaterThan(8)
    }, 90_000)

    test("a delete that is cut runs once: no second one finds nothing", async () => {
      const mark = range().audit.mark()
      const cutsBefore = cutter.cuts
      const outcomes = new Map<string, number>()
      for (const position of [20, 150, 600, 1_200]) {
        const name = `deleted-${position}`
        await range().apply([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } }])
        cutter.cutAfter(position)
        const said = await user.kubectl.run(["delete", "configmap", name, "-n", namespace, "--wait=false"])
        outcomes.set(name, said.code)
      }
      expect(cutter.cuts).toBe(cutsBefore + outcomes.size)
      await range().reached(mark)
      const deletes = range()
        .audit.since(mark)
        .filter(({ verb }) => verb === "delete")
      for (const [name, code] of outcomes) {
        const sent = deletes.filter(({ objectRef }) => objectRef?.name === name).length
        expect([name, code, sent, code === 0 ? sent === 1 : sent <= 1]).toEqual([name, code, sent, true])
      }
      // A cut in a handshake of a new connection may cost one.
      expect([...outcomes.values()].filter((code) => code === 0).length).toBeGreaterThanOrEqual(outcomes.size - 1)
    }, 60_000)
  })
}
