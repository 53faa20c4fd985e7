import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test"
import { Effect } from "effect"
import { ChildrenCluster, namespace } from "../../test/operator/ChildrenCluster.ts"
import { Kubernetes, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { childrenOf } from "./childrenOf.ts"
import { ChildForeign, type ChildMemory, maintain, makeChildMemory } from "./maintain.ts"

setDefaultTimeout(60_000)
let cluster: ChildrenCluster
beforeAll(async () => {
  cluster = await ChildrenCluster.start()
}, 25 * 60_000)
afterAll(() => cluster?.cluster.stop())

const nothing = { written: [], removed: [], leaving: [] }
let memory: ChildMemory
beforeEach(() => {
  memory = makeChildMemory()
})

const add = (path: string, value: unknown) => ({ op: "add", path, value })
const replace = (path: string, value: unknown) => ({ op: "replace", path, value })
// biome-ignore lint/suspicious/noExplicitAny: objects as JSON
const read = async (what: string): Promise<any> => await cluster.get(what)

describe("what is others' to decide stays, and costs no write", () => {
  test("labels and annotations of theirs, also on pods' labels, and the time of a restart", async () => {
    const input = await cluster.resource("labelled")
    await cluster.pass(input, memory)
    const what = "deployment/cc-labelled-agent"
    await cluster.patch(what, [
      add("/metadata/labels/team", "x"),
      add("/metadata/annotations/note", "x"),
      add("/spec/template/metadata/labels/team", "x"),
    ])
    await cluster.cluster.admin(["rollout", "restart", what, `--namespace=${namespace}`])
    expect(await cluster.pass(input, memory)).toEqual(nothing)
    expect(await cluster.pass(input, makeChildMemory())).toEqual(nothing)
    // And through a write of ours.
    await cluster.patch(what, [add("/spec/template/spec/hostNetwork", true)])
    expect((await cluster.pass(input, memory)).written).toHaveLength(1)
    const { metadata, spec } = await read(what)
    expect(metadata).toMatchObject({ labels: { team: "x" }, annotations: { note: "x" } })
    expect(spec.template.metadata.labels.team).toBe("x")
    expect(spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]).toBeString()
    expect(spec.template.spec.hostNetwork).toBeUndefined()
  })

  test("the number of pods, until the spec says another", async () => {
    const what = "deployment/cc-scaled-agent"
    const replicas = async () => (await read(what)).spec.replicas
    const input = await cluster.resource("scaled", { agent: { replicas: 2 } })
    await cluster.pass(input, memory)
    await cluster.cluster.admin(["scale", what, `--namespace=${namespace}`, "--replicas=5"])
    expect(await cluster.pass(input, memory)).toEqual(nothing)
    const other = await cluster.resource("scaled", { agent: { replicas: 2, nodeSelector: { pool: "edge" } } })
    await cluster.pass(other, memory)
    expect(await replicas()).toBe(5)
    await cluster.pass(await cluster.resource("scaled", { agent: { replicas: 3 } }), memory)
    expect(await replicas()).toBe(3)
  })

  test("the pull secrets that some clusters add to an account", async () => {
    const input = await cluster.resource("pulling")
    await cluster.pass(input, memory)
    const what = "serviceaccount/cc-pulling-agent"
    await cluster.patch(what, [add("/imagePullSecrets", [{ name: "registry" }])])
    expect(await cluster.pass(input, memory)).toEqual(nothing)
    await cluster.patch(what, [replace("/automountServiceAccountToken", true)])
    await cluster.pass(input, memory)
    expect(await read(what)).toMatchObject({
      imagePullSecrets: [{ name: "registry" }],
      automountServiceAccountToken: false,
    })
  })
})

describe("what is no longer wanted goes", () => {
  test("budgets with the second pod, and network policies", async () => {
    await cluster.pass(await cluster.resource("less"), memory)
    const less = await cluster.resource("less", { networkPolicy: "Disabled", authProxy: { replicas: 1 } })
    const { removed } = await cluster.pass(less, memory)
    expect(removed.toSorted()).toEqual([
      `NetworkPolicy ${namespace}/cc-less-agent`,
      `NetworkPolicy ${namespace}/cc-less-auth-proxy`,
      `PodDisruptionBudget ${namespace}/cc-less-auth-proxy`,
    ])
    expect(await cluster.pass(less, memory)).toEqual(nothing)
    await cluster.pass(await cluster.resource("less"), memory)
    expect(await cluster.get("networkpolicy/cc-less-agent")).toBeDefined()
  })

  test("the right of another mode, before anything that could fail", async () => {
    await cluster.pass(await cluster.resource("moded", {}, { roleMode: "Legacy" }), memory)
    const constrained = await cluster.resource("moded", {}, { roleMode: "Constrained" })
    // What a quota would do to a Deployment.
    const [last] = childrenOf(constrained).desired.slice(-1)
    const broken = { ...last!, spec: { maxUnavailable: "none" } }
    const children = { ...childrenOf(constrained), desired: [...childrenOf(constrained).desired.slice(0, -1), broken] }
    const failure = await cluster.run(Effect.flip(maintain(children, memory)))
    expect(failure).toMatchObject({ _tag: "KubernetesFailure", reason: "Invalid" })
    expect(await cluster.get("clusterrolebinding/cc-moded-legacy-readwrite")).toBeUndefined()
    expect(await cluster.get("clusterrolebinding/cc-moded-constrained-readwrite")).toBeDefined()
    await cluster.pass(constrained, memory)
    expect(await cluster.pass(constrained, memory)).toEqual(nothing)
  })

  test("each of the four rights with the next", async () => {
    for (const roleMode of ["Legacy", "Constrained"] as const)
      for (const profile of ["ReadOnly", "ReadWrite"] as const) {
        await cluster.pass(await cluster.resource("turning", { impersonation: { profile } }, { roleMode }), memory)
        const selector = ["--selector=clusterconnect.dev/name=turning", "--output=name"]
        const bindings = await cluster.cluster.admin(["get", "clusterrolebinding", ...selector])
        expect(bindings.trim()).toEndWith(`/cc-turning-${roleMode}-${profile}`.toLowerCase())
        expect(bindings.trim().split("\n")).toHaveLength(1)
      }
  })
})

describe("an object of somebody else", () => {
  const taken: KubernetesObject = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "cc-taken-agent", namespace },
    data: { theirs: "" },
  }

  test("with a child's name is not taken over, and named", async () => {
    await cluster.cluster.admin(["create", "--filename=-"], { input: JSON.stringify(taken) })
    const input = await cluster.resource("taken")
    const failure = await cluster.run(Effect.flip(maintain(childrenOf(input), memory)))
    expect(failure).toBeInstanceOf(ChildForeign)
    expect(failure.message).toContain(`Secret ${namespace}/cc-taken-agent`)
    expect(await cluster.get("secret/cc-taken-agent")).toMatchObject({ data: { theirs: "" } })
    expect(await cluster.get("deployment/cc-taken-agent")).toBeUndefined()
    await cluster.cluster.admin(["delete", "secret/cc-taken-agent", `--namespace=${namespace}`])
    await cluster.pass(input, memory)
    expect(await cluster.pass(input, memory)).toEqual(nothing)
  })

  test("with the name of what must not be there is not deleted, and named", async () => {
    const object = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "cc-taken-legacy-readwrite" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
    }
    await cluster.cluster.admin(["create", "--filename=-"], { input: JSON.stringify(object) })
    const children = childrenOf(await cluster.resource("taken"))
    const failure = await cluster.run(Effect.flip(maintain(children, memory)))
    expect(failure).toMatchObject({ _tag: "ChildForeign", object: "ClusterRoleBinding cc-taken-legacy-readwrite" })
    expect(await cluster.get("clusterrolebinding/cc-taken-legacy-readwrite")).toBeDefined()
  })
})

test("what an earlier resource of the same name has left is not taken over, but waited for", async () => {
  const { written } = await cluster.pass(await cluster.resource("again", {}, { roleMode: "Legacy" }), memory)
  await cluster.cluster.admin(["delete", "clusterconnect/again"])
  const later = await cluster.resource("again", {}, { roleMode: "Constrained" })
  const first = await cluster.pass(later, makeChildMemory())
  expect(first.leaving.toSorted()).toEqual(written.toSorted())
  expect(first.written).toEqual(["ClusterRoleBinding cc-again-constrained-readwrite"])
  expect(first.removed).toEqual([])
})

test("a child on its way out is waited for", async () => {
  const input = await cluster.resource("leaving")
  await cluster.pass(input, memory)
  const what = "configmap/cc-leaving-auth-proxy"
  await cluster.patch(what, [add("/metadata/finalizers", ["example.com/held"])])
  await cluster.cluster.admin(["delete", what, `--namespace=${namespace}`, "--wait=false"])
  const leaving = [`ConfigMap ${namespace}/cc-leaving-auth-proxy`]
  expect(await cluster.pass(input, memory)).toEqual({ ...nothing, leaving })
  await cluster.patch(what, [{ op: "remove", path: "/metadata/finalizers" }])
  expect(await cluster.pass(input, memory)).toEqual({ ...nothing, written: leaving })
})

test("a child that changes between reading and writing is judged anew", async () => {
  const input = await cluster.resource("raced")
  await cluster.pass(input, memory)
  const what = "deployment/cc-raced-agent"
  await cluster.patch(what, [add("/spec/template/spec/hostNetwork", true)])
  let raced = false
  const racing = Effect.flatMap(Kubernetes, (kubernetes) =>
    maintain(childrenOf(input), memory).pipe(
      Effect.provideService(Kubernetes, {
        ...kubernetes,
        replace: (object) =>
          Effect.promise(async () => {
            if (!raced) await cluster.patch(what, [add("/metadata/labels/raced", "yes")])
            raced = true
          }).pipe(Effect.zipRight(kubernetes.replace(object))),
      }),
    ),
  )
  expect((await cluster.run(racing)).written).toEqual([`Deployment ${namespace}/cc-raced-agent`])
  const { metadata, spec } = await read(what)
  expect(metadata.labels.raced).toBe("yes")
  expect(spec.template.spec.hostNetwork).toBeUndefined()
})
