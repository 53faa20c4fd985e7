import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Context, Effect, Either, Layer } from "effect"
import { sample } from "../../crds/testing/refusals.ts"
import type { Cluster } from "../../test/cluster/Cluster.ts"
import { prepareCluster, startCluster } from "../../test/cluster/startCluster.ts"
import { eventually } from "../../test/world/eventually.ts"
import { ApiServer } from "./ApiServer.ts"
import { Kubernetes, type KubernetesFailure, type KubernetesObject } from "./Kubernetes.ts"
import { kubernetesLayer } from "./kubernetesLayer.ts"
import { listed } from "./listed.ts"

setDefaultTimeout(60_000)
const namespace = "calls"
let cluster: Cluster
beforeAll(async () => {
  await prepareCluster({ level: "control-plane" })
  cluster = await startCluster({ level: "control-plane" })
  await cluster.admin(["create", "namespace", namespace])
}, 25 * 60_000)
afterAll(() => cluster?.stop())

type Calls = Context.Tag.Service<typeof Kubernetes>
const calling = <A>(
  body: (kubernetes: Calls) => Effect.Effect<A, KubernetesFailure>,
  kubeconfig = cluster.outsideKubeconfig,
) =>
  Effect.runPromise(
    Effect.flatMap(Kubernetes, body).pipe(
      Effect.provide(kubernetesLayer.pipe(Layer.provide(ApiServer.layer(kubeconfig)))),
    ),
  )
const refused = <A>(body: (kubernetes: Calls) => Effect.Effect<A, KubernetesFailure>, kubeconfig?: string) =>
  calling((kubernetes) => Effect.flip(body(kubernetes)) as Effect.Effect<KubernetesFailure>, kubeconfig)

const configMap = (name: string, value: string, more: object = {}): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace, ...more },
  data: { value },
})
const ref = (name: string, kind = "ConfigMap") => ({ apiVersion: "v1", kind, namespace, name })

describe("an object", () => {
  test("is applied, applied again and removed; absence is no failure", async () => {
    const made = await calling(({ apply }) => apply(configMap("a", "1")))
    const again = await calling(({ apply }) => apply(configMap("a", "1")))
    expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion!)
    await calling(({ apply }) => apply(configMap("a", "2")))
    const read = await calling(({ get }) => get(ref("a")))
    expect(read).toMatchObject({ kind: "ConfigMap", data: { value: "2" } })
    expect(JSON.stringify(read?.metadata.managedFields)).toContain('"clusterconnect-operator","operation":"Apply"')
    await calling(({ remove }) => remove(ref("a")))
    await calling(({ remove }) => remove(ref("a")))
    expect(await calling(({ get }) => get(ref("a")))).toBeUndefined()
  })

  test("is taken from another field manager by force", async () => {
    await cluster.admin(["create", "configmap", "forced", `--namespace=${namespace}`, "--from-literal=value=theirs"])
    expect(await calling(({ apply }) => apply(configMap("forced", "ours")))).toMatchObject({ data: { value: "ours" } })
  })

  test("is replaced in its present version only", async () => {
    const first = await calling(({ create }) => create(configMap("replaced", "1")))
    const version = { resourceVersion: first.metadata.resourceVersion }
    await calling(({ replace }) => replace(configMap("replaced", "2", version)))
    const late = await refused(({ replace }) => replace(configMap("replaced", "3", version)))
    expect(late).toMatchObject({ reason: "Conflict", status: 409 })
    const blind = await refused(({ replace }) => replace(configMap("replaced", "3")))
    expect(blind.reason).toBe("Invalid")
  })

  test("is created once, and removed by uid only when it is that one", async () => {
    const made = await calling(({ create }) => create(configMap("once", "1")))
    expect(await refused(({ create }) => create(configMap("once", "1")))).toMatchObject({ reason: "Conflict" })
    const other = await refused(({ remove }) => remove(ref("once"), "00000000-0000-0000-0000-000000000000"))
    expect(other.reason).toBe("Conflict")
    await calling(({ remove }) => remove(ref("once"), made.metadata.uid))
    expect(await calling(({ get }) => get(ref("once")))).toBeUndefined()
  })

  test("is listed with all others of its labels, over pages, with kind and apiVersion", async () => {
    for (const n of [1, 2, 3, 4, 5])
      await calling(({ apply }) => apply(configMap(`page-${n}`, "x", { labels: { set: "pages" } })))
    const query = { apiVersion: "v1", kind: "ConfigMap", namespace, labelSelector: "set=pages" }
    const names = (objects: readonly KubernetesObject[]) => objects.map(({ metadata }) => metadata.name)
    const all = ["page-1", "page-2", "page-3", "page-4", "page-5"]
    const whole = await calling(({ list }) => list(query))
    expect(names(whole)).toEqual(all)
    expect(whole[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" })
    const paged = Effect.flatMap(ApiServer, (server) => listed(server, query, 2))
    const pages = await Effect.runPromise(paged.pipe(Effect.provide(ApiServer.layer(cluster.outsideKubeconfig))))
    expect(names(pages.items)).toEqual(all)
  })
})

describe("a status", () => {
  test("is applied by itself", async () => {
    const file = fileURLToPath(new URL("../../crds/clusterconnect.yaml", import.meta.url))
    await cluster.admin(["apply", `--filename=${file}`])
    const { spec, ...object } = sample("one") as KubernetesObject
    await eventually("the resource type is served", 30_000, async () => {
      const made = await calling(({ apply }) => Effect.either(apply({ ...object, spec })))
      return Either.isRight(made) ? { done: true } : { seen: made.left.message }
    })
    const stored = await calling(({ applyStatus }) => applyStatus({ ...object, status: { observedGeneration: 1 } }))
    expect(stored).toMatchObject({ spec: { clusterName: "edge-1" }, status: { observedGeneration: 1 } })
  })
})

describe("a failure has its reason", () => {
  test("AccessDenied for a service account without rights", async () => {
    await cluster.admin(["create", "serviceaccount", "nobody", `--namespace=${namespace}`])
    const token = (await cluster.admin(["create", "token", "nobody", `--namespace=${namespace}`])).trim()
    const path = withToken("nobody", token)
    const failure = await refused(({ get }) => get(ref("a", "Secret")), path)
    expect(failure).toMatchObject({ reason: "AccessDenied", status: 403, verb: "get", object: "Secret calls/a" })
    expect(failure.message).toContain("cannot get resource")
    expect(await refused(({ list }) => list(ref("", "Pod")), path)).toMatchObject({ reason: "AccessDenied" })
    const unknown = await refused(({ get }) => get(ref("a")), withToken("unknown", "not-a-token"))
    expect(unknown).toMatchObject({ reason: "AccessDenied", status: 401 })
  })

  test("QuotaExceeded when the namespace's quota is used up", async () => {
    await cluster.admin(["create", "namespace", "full"])
    await cluster.admin(["create", "quota", "none", "--namespace=full", "--hard=configmaps=0"])
    const object = { ...configMap("a", "1"), metadata: { name: "a", namespace: "full" } }
    const status = JSON.stringify({ status: { hard: { configmaps: "0" }, used: { configmaps: "0" } } })
    await cluster.admin([
      ...["patch", "quota", "none", "--namespace=full", "--subresource=status", "--type=merge"],
      `--patch=${status}`,
    ])
    const failure = await eventually("the quota is counted", 30_000, async () => {
      const made = await calling(({ create }) => Effect.either(create(object)))
      if (Either.isRight(made)) await calling(({ remove }) => remove({ ...ref("a"), namespace: "full" }))
      else if (made.left.reason === "QuotaExceeded") return { done: made.left }
      return { seen: Either.isLeft(made) ? made.left.message : "created" }
    })
    expect(failure.status).toBe(403)
  })

  test("Invalid for an object that is not acceptable, and its body is in no message", async () => {
    const failure = await refused(({ apply }) =>
      apply({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "UPPER", namespace },
        stringData: { key: "very-secret" },
      }),
    )
    expect(failure).toMatchObject({ reason: "Invalid", status: 422 })
    expect(JSON.stringify(failure) + failure.message + String(failure.stack)).not.toContain("very-secret")
    const unknown = await refused(({ get }) => get({ apiVersion: "v1", kind: "Node", name: "a" }))
    expect(unknown.reason).toBe("Invalid")
  })

  test("NotFound for a namespace and for a resource type that had to be there", async () => {
    const object = { ...configMap("a", "1"), metadata: { name: "a", namespace: "nowhere" } }
    const failure = await refused(({ apply }) => apply(object))
    expect(failure).toMatchObject({ reason: "NotFound", status: 404 })
    expect(failure.message).toContain('namespaces "nowhere" not found')
  })

  test("Unreachable when nobody listens, and when the server is not the one of the authority", async () => {
    const elsewhere = withToken("elsewhere", "t", { server: "https://127.0.0.1:1" })
    expect(await refused(({ get }) => get(ref("a")), elsewhere)).toMatchObject({ reason: "Unreachable" })
    const untrusted = withToken("untrusted", "t", { "certificate-authority-data": undefined })
    const failure = await refused(({ get }) => get(ref("a")), untrusted)
    expect(failure.reason).toBe("Unreachable")
    expect(failure.status).toBeUndefined()
    const skipping = withToken("skipping", "t", { "insecure-skip-tls-verify": true })
    const skipped = await calling(({ get }) => get(ref("a")), skipping).then(
      () => "answered",
      (error: unknown) => String(error),
    )
    expect(skipped).toContain("insecure-skip-tls-verify is not accepted")
  })
})

/** Path of a kubeconfig of the cluster with a token instead of the admin's certificate. */
const withToken = (name: string, token: string, change: object = {}): string => {
  const path = join(cluster.directory, `${name}.kubeconfig`)
  const named = { server: cluster.api.url, "certificate-authority-data": Buffer.from(cluster.caPem).toString("base64") }
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { ...named, ...change } }],
    users: [{ name: "u", user: { token } }],
  }
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
  return path
}
