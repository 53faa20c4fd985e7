import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Effect, Layer } from "effect"
import type { Cluster } from "../../test/cluster/Cluster.ts"
import { prepareCluster, startCluster } from "../../test/cluster/startCluster.ts"
import { eventually } from "../../test/world/eventually.ts"
import { ApiServer } from "../kubernetes/ApiServer.ts"
import { Kubernetes, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { kubernetesLayer } from "../kubernetes/kubernetesLayer.ts"
import { lead } from "./lead.ts"

setDefaultTimeout(120_000)
let cluster: Cluster
beforeAll(async () => {
  await prepareCluster({ level: "control-plane" })
  cluster = await startCluster({ level: "control-plane" })
}, 25 * 60_000)
afterAll(() => cluster?.stop())

const program = fileURLToPath(new URL("testing/leadingProgram.ts", import.meta.url))

/** Starts candidates in a namespace of their own; all are ended at the end. */
const contest = async (namespace: string, body: (start: (identity: string) => ChildProcess) => Promise<void>) => {
  await cluster.admin(["create", "namespace", namespace])
  const started: ChildProcess[] = []
  try {
    await body((identity) => {
      const args = [program, cluster.outsideKubeconfig, namespace, identity]
      const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] })
      started.push(child)
      return child
    })
  } finally {
    for (const child of started) if (child.exitCode === null && child.signalCode === null) await ended(child, "SIGKILL")
  }
}

const ended = async (child: ChildProcess, signal: NodeJS.Signals) => {
  const exit = once(child, "exit")
  child.kill(signal)
  await exit
}

const read = async (namespace: string, resource: string) => {
  const args = ["get", resource, `--namespace=${namespace}`, "--ignore-not-found", "--output=json"]
  const text = await cluster.admin(args)
  return text === "" ? undefined : JSON.parse(text)
}
const writes = (namespace: string, identity: string) =>
  eventually(`${identity} writes`, 60_000, async () => {
    const written = await read(namespace, "configmap/written")
    return written?.data.by === identity ? { done: written } : { seen: written?.data }
  })
const holder = async (namespace: string) =>
  (await read(namespace, "lease/clusterconnect-operator"))?.spec.holderIdentity

/** Waits for `identity` to have written `more` times than now; nobody else may write meanwhile. */
const onlyWriter = async (namespace: string, identity: string, more: number) => {
  const from = Number((await read(namespace, "configmap/written")).data.count)
  await eventually(`${identity} writes on`, 60_000, async () => {
    const { data } = await read(namespace, "configmap/written")
    expect(data.by).toBe(identity)
    return Number(data.count) >= from + more ? { done: true } : { seen: data }
  })
}

test("a leader that is ended releases its lease, and the other takes over", () =>
  contest("released", async (start) => {
    const first = start("first")
    await writes("released", "first")
    start("second")
    await onlyWriter("released", "first", 50)
    await ended(first, "SIGTERM")
    expect(first.exitCode).toBe(0)
    expect(await holder("released")).not.toBe("first")
    await writes("released", "second")
    await onlyWriter("released", "second", 20)
  }))

test("a leader that is killed is followed when its lease has run out", () =>
  contest("killed", async (start) => {
    const first = start("first")
    await writes("killed", "first")
    start("second")
    await ended(first, "SIGKILL")
    expect(await holder("killed")).toBe("first")
    await writes("killed", "second")
    expect((await read("killed", "lease/clusterconnect-operator")).spec.leaseTransitions).toBe(1)
  }))

test("a leader that was stopped while another took over writes nothing when it goes on", () =>
  contest("stopped", async (start) => {
    const first = start("first")
    await writes("stopped", "first")
    start("second")
    await onlyWriter("stopped", "first", 20)
    first.kill("SIGSTOP")
    await writes("stopped", "second")
    first.kill("SIGCONT")
    await onlyWriter("stopped", "second", 200)
    expect(first.exitCode).toBeNull()
    expect(await holder("stopped")).toBe("second")
  }))

test("work that wakes after its time writes nothing, even where it cannot be interrupted, and is begun anew", async () => {
  await cluster.admin(["create", "namespace", "late"])
  const written = (name: string): KubernetesObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "late" },
  })
  const renewMillis = 1_000
  let terms = 0
  const work = Effect.gen(function* () {
    const { apply } = yield* Kubernetes
    terms += 1
    if (terms > 1) return yield* apply(written("in-time"))
    // As SIGSTOP does: no timer of the process fires meanwhile.
    Bun.sleepSync(renewMillis + 100)
    return yield* apply(written("too-late"))
  })
  const ended = await Effect.runPromise(
    lead(
      { namespace: "late", identity: "one", timing: { leaseMillis: 2_000, renewMillis, retryMillis: 200 } },
      Effect.uninterruptible(work),
    ).pipe(Effect.provide(kubernetesLayer.pipe(Layer.provide(ApiServer.layer(cluster.outsideKubeconfig))))),
  )
  expect(ended.metadata.name).toBe("in-time")
  expect(terms).toBe(2)
  expect(await read("late", "configmap/too-late")).toBeUndefined()
  expect(await holder("late")).toBe("")
})
