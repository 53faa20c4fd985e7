import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import net from "node:net"
import { join } from "node:path"
import { Effect, Fiber } from "effect"
import type { Cluster } from "../../test/cluster/Cluster.ts"
import { mustRun } from "../../test/cluster/process/runProgram.ts"
import { prepareCluster, startCluster } from "../../test/cluster/startCluster.ts"
import { eventually } from "../../test/world/eventually.ts"
import { ApiServer } from "./ApiServer.ts"
import { follow, type Seen } from "./follow.ts"
import type { KubernetesFailure } from "./Kubernetes.ts"

setDefaultTimeout(120_000)
const namespace = "followed"
let cluster: Cluster
beforeAll(async () => {
  await prepareCluster({ level: "control-plane" })
  cluster = await startCluster({ level: "control-plane" })
  await cluster.admin(["create", "namespace", namespace])
}, 25 * 60_000)
afterAll(() => cluster?.stop())

const kubectl = (...args: string[]) => cluster.admin([...args, `--namespace=${namespace}`])

/** A way to the API server that can be cut and closed. */
const cuttable = async () => {
  const open = new Set<net.Socket>()
  let closed = false
  let accepted = 0
  const server = net.createServer((near) => {
    accepted += 1
    if (closed) return near.destroy()
    const far = net.connect(cluster.api.port, cluster.api.host)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one
        .on("error", () => {})
        .on("close", () => {
          open.delete(one)
          other.destroy()
        })
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as net.AddressInfo
  const config = JSON.parse(readFileSync(cluster.adminKubeconfig, "utf8"))
  Object.assign(config.clusters[0].cluster, {
    server: `https://127.0.0.1:${port}`,
    "tls-server-name": "kubernetes.default.svc",
  })
  const path = join(cluster.directory, `through-${port}.kubeconfig`)
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  return {
    path,
    cut,
    accepted: () => accepted,
    close: () => {
      closed = true
      cut()
    },
    reopen: () => {
      closed = false
    },
    end: () => {
      cut()
      server.close()
    },
  }
}

test("the set is always that of the API server: through changes, a cut, a closed way and a version that is gone", async () => {
  const way = await cuttable()
  let last: Seen | undefined
  const failures: KubernetesFailure[] = []
  const following = Effect.runFork(
    follow(
      { apiVersion: "v1", kind: "ConfigMap", namespace },
      (seen) =>
        Effect.sync(() => {
          last = seen
        }),
      (failure) => Effect.sync(() => failures.push(failure)),
    ).pipe(Effect.provide(ApiServer.layer(way.path))),
  )
  const sees = (what: string, names: readonly string[]) =>
    eventually(what, 60_000, async () => {
      const seen = [...(last?.keys() ?? ["nothing"])].sort()
      const wanted = names.map((name) => `${namespace}/${name}`)
      return Bun.deepEquals(seen, wanted) ? { done: true } : { seen: [seen, failures.map(String)] }
    })
  try {
    await sees("the first list", [])
    await kubectl("create", "configmap", "a")
    await sees("a creation", ["a"])
    await kubectl("label", "configmap", "a", "changed=yes")
    await eventually("a change", 60_000, async () =>
      last?.get(`${namespace}/a`)?.metadata.labels?.changed === "yes" ? { done: true } : { seen: [...(last ?? [])] },
    )
    await kubectl("delete", "configmap", "a")
    await sees("a deletion", [])
    expect(failures).toEqual([])

    await kubectl("create", "configmap", "b")
    way.cut()
    await kubectl("create", "configmap", "c")
    await sees("what was made around a cut", ["b", "c"])

    way.close()
    await kubectl("create", "configmap", "d")
    await kubectl("delete", "configmap", "b")
    await cluster.killApiServer()
    await cluster.startApiServer()
    await kubectl("create", "configmap", "e")
    way.reopen()
    await sees("what was made and deleted while the version went", ["c", "d", "e"])
    expect(failures.some(({ reason }) => reason === "Unreachable")).toBe(true)
    expect(failures.some(({ status }) => status === 410)).toBe(true)
    await kubectl("create", "configmap", "f")
    await sees("a creation after it", ["c", "d", "e", "f"])

    await Effect.runPromise(Fiber.interrupt(following))
    way.cut()
    const before = way.accepted()
    await kubectl("create", "configmap", "g")
    // A second by the server's clock, on a connection of our own: a follower that went on would have dialled after a quarter of one.
    const path = `/api/v1/namespaces/${namespace}/configmaps?watch=1&timeoutSeconds=1`
    expect(await mustRun(cluster.kubectl, [`--kubeconfig=${way.path}`, "get", "--raw", path])).toContain('"name":"g"')
    expect(way.accepted()).toBe(before + 1)
    expect(last?.has(`${namespace}/g`)).toBe(false)
  } finally {
    await Effect.runPromise(Fiber.interrupt(following))
    way.end()
  }
})
