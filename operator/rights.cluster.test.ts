import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test"
import { ChildrenCluster, namespace } from "../test/operator/ChildrenCluster.ts"
import { childrenOf } from "./children/childrenOf.ts"
import { type ChildMemory, makeChildMemory } from "./children/maintain.ts"
import { clusterRights, namedClusterRights, namespaceRights } from "./rights.ts"

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

test("every child that has lost its label is written again", async () => {
  const input = await cluster.resource("unlabelled")
  const { written } = await cluster.pass(input, memory)
  const label = { op: "remove", path: "/metadata/labels/clusterconnect.dev~1name" }
  for (const { kind, metadata } of childrenOf(input).desired)
    await cluster.patch(`${kind.toLowerCase()}/${metadata.name}`, [label])
  expect((await cluster.pass(input, memory)).written).toEqual(written)
  expect(await cluster.pass(input, memory)).toEqual(nothing)
})

// biome-ignore lint/suspicious/noExplicitAny: objects as JSON
test.each<[string, (object: any) => void]>([
  [
    "deployment/cc-swapped-agent",
    ({ spec }) => {
      spec.selector.matchLabels.theirs = "x"
      spec.template.metadata.labels.theirs = "x"
    },
  ],
  [
    "service/cc-swapped-auth-proxy",
    ({ spec }) => {
      delete spec.clusterIP
      delete spec.clusterIPs
    },
  ],
  [
    "clusterrolebinding/cc-swapped-constrained-readwrite",
    ({ roleRef }) => {
      roleRef.name = "view"
    },
  ],
  [
    "secret/cc-swapped-agent",
    (object) => {
      object.type = "example.com/theirs"
    },
  ],
  [
    "configmap/cc-swapped-auth-proxy",
    (object) => {
      object.immutable = true
      object.data = {}
    },
  ],
])("%s, swapped for one that nobody may change, is made anew", async (what, change) => {
  const input = await cluster.resource("swapped")
  await cluster.pass(input, memory)
  // biome-ignore lint/suspicious/noExplicitAny: objects as JSON
  const { metadata, ...object } = (await cluster.get(what)) as any
  const { name, labels, annotations, ownerReferences } = metadata
  await cluster.cluster.admin(["delete", what, `--namespace=${namespace}`])
  const swapped = { ...object, metadata: { name, namespace: metadata.namespace, labels, annotations, ownerReferences } }
  change(swapped)
  await cluster.cluster.admin(["create", "--filename=-"], { input: JSON.stringify(swapped) })
  const { removed, written } = await cluster.pass(input, memory)
  expect(removed).toHaveLength(1)
  expect(written).toEqual(removed)
  expect(await cluster.pass(input, makeChildMemory())).toEqual(nothing)
})

test("budgets and network policies that are no longer wanted go", async () => {
  await cluster.pass(await cluster.resource("less"), memory)
  const less = await cluster.resource("less", { networkPolicy: "Disabled", agent: { replicas: 1 } })
  expect((await cluster.pass(less, memory)).removed).toHaveLength(3)
})

/** What only the view of a type, not a pass, needs. */
const following = new Set(["list", "watch"])
/** Types of which a pass writes children. */
const written = [
  ...["secrets", "configmaps", "services", "serviceaccounts", "deployments"],
  ...["poddisruptionbudgets", "networkpolicies", "clusterrolebindings"],
]

test("all of this was done with the listed rights, and needs every one of them that is about children", async () => {
  const rights = [...clusterRights, ...namespaceRights]
    .flatMap(({ resources = [], verbs }) => resources.map((resource) => ({ resource, verbs })))
    .filter(({ resource }) => written.includes(resource))
    .flatMap(({ resource, verbs }) => verbs.filter((verb) => !following.has(verb)).map((verb) => `${verb} ${resource}`))
  expect(new Set(cluster.requests())).toEqual(new Set(rights))
})

const ownBinding = JSON.stringify({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "mine" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  subjects: [{ kind: "ServiceAccount", name: "operator", namespace }],
})
const add = (path: string, value: unknown) => JSON.stringify([{ op: "add", path, value }])
const replaced = (object: object) => JSON.stringify({ apiVersion: "rbac.authorization.k8s.io/v1", ...object })

test.each<[string, readonly string[], string?]>([
  ["binds itself to cluster-admin", ["create", "--filename=-"], ownBinding],
  [
    "adds itself to a binding of cluster-admin",
    ["replace", "--filename=-"],
    replaced({ ...JSON.parse(ownBinding), metadata: { name: "cluster-admin" } }),
  ],
  [
    "widens a role that it may bind",
    [
      ...["patch", "clusterrole", "clusterconnect-impersonate-constrained-readwrite", "--type=json"],
      `--patch=${add("/rules/-", { apiGroups: ["*"], resources: ["*"], verbs: ["*"] })}`,
    ],
  ],
  [
    "widens its own role",
    ["replace", "--filename=-"],
    replaced({ kind: "ClusterRole", metadata: { name: "operator" }, rules: [] }),
  ],
  ["makes a role", ["create", "clusterrole", "wide", "--verb=*", "--resource=*"]],
  ["lists Secrets", ["get", "secrets", `--namespace=${namespace}`]],
  ["reads a Secret of another namespace", ["get", "secret/a", "--namespace=kube-system"]],
  ["starts a pod", ["run", "a", "--image=a", `--namespace=${namespace}`]],
  ["takes a token of another account", ["create", "token", "cc-unlabelled-auth-proxy", `--namespace=${namespace}`]],
  ["impersonates", ["get", "nodes", "--as=alice"]],
])("whoever has the operator's token and %s is refused", async (_, args, input) => {
  const { code, stderr } = await cluster.asOperator(args, input)
  expect(code).not.toBe(0)
  expect(stderr).toContain("forbidden")
})

test("no right is unbounded, and none grants rights", () => {
  for (const { apiGroups = [], resources = [], verbs } of [
    ...clusterRights,
    ...namedClusterRights,
    ...namespaceRights,
  ]) {
    expect([...apiGroups, ...resources, ...verbs]).not.toContain("*")
    for (const verb of ["escalate", "impersonate", "deletecollection"]) expect(verbs).not.toContain(verb)
    if (resources.includes("secrets")) expect(verbs).not.toContain("list")
    if (resources.includes("clusterroles")) expect(verbs).toEqual(["bind", "get"])
  }
})
