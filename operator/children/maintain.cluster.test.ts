import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test"
import { Either } from "effect"
import { ChildrenCluster, namespace } from "../../test/operator/ChildrenCluster.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { childrenOf } from "./childrenOf.ts"
import { httpProxyFrom } from "./httpProxy.ts"
import { type ChildMemory, makeChildMemory } from "./maintain.ts"

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

/** Everything that a spec can ask for in pods, and quantities that the API server writes in its own way. */
const everything: Parameters<ChildrenCluster["resource"]> = [
  "everything",
  {
    relay: {
      url: "https://relay.example.com",
      caBundle: "-----BEGIN CERTIFICATE-----",
      httpProxySecretRef: { name: "proxy", key: "url" },
      noProxy: [".svc"],
    },
    image: { tag: "latest", pullSecrets: [{ name: "registry" }] },
    agent: {
      replicas: 1,
      resources: { requests: { cpu: "0.5", memory: "1024Mi" }, limits: { cpu: 2, memory: "1.5Gi" } },
      nodeSelector: { pool: "edge" },
      tolerations: [{ key: "edge", operator: "Exists", effect: "NoExecute", tolerationSeconds: 60 }],
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, podAffinityTerm: { topologyKey: "rack", labelSelector: { matchLabels: { a: "b" } } } },
          ],
        },
      },
    },
    impersonation: { profile: "ReadOnly" },
  },
  { roleMode: "Legacy", httpProxy: Either.getOrThrow(httpProxyFrom("http://user:word@proxy:3128")) },
]

describe.each<[string, Parameters<ChildrenCluster["resource"]>]>([
  ["the smallest spec", ["smallest"]],
  ["a spec with everything", everything],
  ["a spec without network policies", ["unguarded", { networkPolicy: "Disabled" }]],
])("%s", (_, given) => {
  test("is made once; after that, and after a restart, nothing is written", async () => {
    const input = await cluster.resource(...given)
    const first = await cluster.pass(input, memory)
    expect(first.written).toHaveLength(childrenOf(input).desired.length)
    const writes = cluster.writes()
    const versions = await versionsOf(input)
    expect(await cluster.pass(input, memory)).toEqual(nothing)
    expect(await cluster.pass(input, makeChildMemory())).toEqual(nothing)
    expect(await versionsOf(input)).toEqual(versions)
    expect(cluster.writes()).toEqual(writes)
  })

  test("makes pods that Pod Security restricted lets in", async () => {
    const input = await cluster.resource(...given)
    const deployments = childrenOf(input).desired.filter(({ kind }) => kind === "Deployment")
    for (const { metadata, spec } of deployments) {
      const { template } = spec as { template: { metadata: object; spec: Record<string, unknown> } }
      const pod = (change: object) => ({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { ...template.metadata, name: metadata.name, namespace },
        spec: { ...template.spec, ...change },
      })
      const dryRun = (object: object) =>
        cluster.cluster.admin(["create", "--dry-run=server", "--filename=-"], { input: JSON.stringify(object) })
      expect(await dryRun(pod({}))).toContain("created")
      await expect(dryRun(pod({ hostNetwork: true }))).rejects.toThrow("violates PodSecurity")
    }
  })
})

const versionsOf = async ({ resource }: ChildrenInput): Promise<readonly string[]> => {
  const kinds = "secret,configmap,serviceaccount,service,deployment,poddisruptionbudget,networkpolicy"
  const selector = [`--selector=clusterconnect.dev/name=${resource.name}`, "--output=json"]
  const texts = [
    await cluster.cluster.admin(["get", kinds, `--namespace=${namespace}`, ...selector]),
    await cluster.cluster.admin(["get", "clusterrolebinding", ...selector]),
  ]
  return texts.flatMap((text) =>
    (JSON.parse(text).items as KubernetesObject[]).map(
      ({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion}`,
    ),
  )
}

const add = (path: string, value: unknown) => ({ op: "add", path, value })
const replace = (path: string, value: unknown) => ({ op: "replace", path, value })
const container = "/spec/template/spec/containers/0"

describe("what somebody else does to a child is undone", () => {
  let input: ChildrenInput
  beforeAll(async () => {
    input = await cluster.resource("edited", { agent: { replicas: 2 } })
  })
  beforeEach(() => cluster.pass(input, memory))

  test.each<[string, string, readonly object[]]>([
    ["a variable on the auth proxy", "deployment/cc-edited-auth-proxy", [add(`${container}/env/-`, { name: "A" })]],
    [
      "a container beside the auth proxy",
      "deployment/cc-edited-auth-proxy",
      [add("/spec/template/spec/containers/-", { name: "spy", image: "spy" })],
    ],
    [
      "a container before the auth proxy",
      "deployment/cc-edited-auth-proxy",
      [add("/spec/template/spec/initContainers", [{ name: "spy", image: "spy" }])],
    ],
    ["another image", "deployment/cc-edited-agent", [replace(`${container}/image`, "spy")]],
    ["another account", "deployment/cc-edited-agent", [replace("/spec/template/spec/serviceAccountName", "default")]],
    ["the host's network", "deployment/cc-edited-agent", [add("/spec/template/spec/hostNetwork", true)]],
    [
      "a volume",
      "deployment/cc-edited-agent",
      [add("/spec/template/spec/volumes/-", { name: "host", hostPath: { path: "/" } })],
    ],
    [
      "an annotation of the pods",
      "deployment/cc-edited-agent",
      [add("/spec/template/metadata/annotations", { "sidecar.istio.io/inject": "true" })],
    ],
    ["a label of ours", "deployment/cc-edited-agent", [replace("/metadata/labels/clusterconnect.dev~1name", "x")]],
    ["a key in a Secret", "secret/cc-edited-agent", [add("/data/more", "")]],
    ["the serving key", "secret/cc-edited-auth-proxy", [replace("/data/serving.key", "")]],
    ["a Secret that is frozen", "secret/cc-edited-agent", [add("/immutable", true)]],
    ["the configuration", "configmap/cc-edited-auth-proxy", [replace("/data/auth-proxy.yaml", "")]],
    ["a second file", "configmap/cc-edited-auth-proxy", [add("/data/more", "")]],
    [
      "a second subject",
      "clusterrolebinding/cc-edited-constrained-readwrite",
      [add("/subjects/-", { kind: "ServiceAccount", name: "default", namespace })],
    ],
    ["a wider policy", "networkpolicy/cc-edited-auth-proxy", [add("/spec/ingress/0/from/0/namespaceSelector", {})]],
    ["another rule", "networkpolicy/cc-edited-auth-proxy", [add("/spec/ingress/-", {})]],
    ["another selector", "service/cc-edited-auth-proxy", [replace("/spec/selector", { a: "b" })]],
    ["an external address", "service/cc-edited-auth-proxy-all", [add("/spec/externalIPs", ["192.0.2.1"])]],
    ["another budget", "poddisruptionbudget/cc-edited-agent", [replace("/spec/maxUnavailable", 0)]],
    ["a token for the agent", "serviceaccount/cc-edited-agent", [replace("/automountServiceAccountToken", true)]],
  ])("%s", async (_, what, operations) => {
    const before = await cluster.get(what)
    await cluster.patch(what, operations)
    const { written } = await cluster.pass(input, memory)
    expect(written).toHaveLength(1)
    expect(contentOf(await cluster.get(what))).toEqual(contentOf(before))
    expect(await cluster.pass(input, memory)).toEqual(nothing)
  })

  test("and without a memory of the last write too", async () => {
    const before = await cluster.get("deployment/cc-edited-auth-proxy")
    await cluster.patch("deployment/cc-edited-auth-proxy", [add(`${container}/env/-`, { name: "A" })])
    await cluster.pass(input, makeChildMemory())
    expect(contentOf(await cluster.get("deployment/cc-edited-auth-proxy"))).toEqual(contentOf(before))
  })

  test.each(["secret/cc-edited-agent", "deployment/cc-edited-auth-proxy", "networkpolicy/cc-edited-agent"])(
    "the deletion of %s",
    async (what) => {
      await cluster.cluster.admin(["delete", what, `--namespace=${namespace}`, "--cascade=background"])
      expect((await cluster.pass(input, memory)).written).toHaveLength(1)
      expect(await cluster.get(what)).toBeDefined()
    },
  )
})

const contentOf = (object: KubernetesObject | undefined) => {
  const { metadata, status: _, ...content } = object!
  return { ...content, metadata: { labels: metadata.labels, annotations: metadata.annotations } }
}
