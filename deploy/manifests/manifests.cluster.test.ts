import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { fileURLToPath } from "node:url"
import packageJson from "../../package.json" with { type: "json" }
import type { Cluster } from "../../test/cluster/Cluster.ts"
import { prepareCluster, startCluster } from "../../test/cluster/startCluster.ts"
import { publicImages } from "../publicImages.ts"
import { installation, manifestText } from "./installation.ts"
import { type Manifest, operatorName } from "./names.ts"
import { byName, objectsOf, podOf } from "./testing/rendered.ts"

/** A start of some seconds, on a machine that is busy with other things. */
setDefaultTimeout(60_000)
const BUILD_MILLIS = 25 * 60_000

const namespace = "clusterconnect"
const image = `${publicImages.clusterconnect}:${packageJson.version}`
const account = `system:serviceaccount:${namespace}:${operatorName}`

let cluster: Cluster
beforeAll(async () => {
  await prepareCluster({ level: "control-plane" })
  cluster = await startCluster({ level: "control-plane" })
}, BUILD_MILLIS)
afterAll(() => cluster?.stop())

const kubectl = (args: readonly string[], input: string) =>
  cluster.run(cluster.kubectl, [`--kubeconfig=${cluster.adminKubeconfig}`, ...args], { input })

describe("what is installed", () => {
  test("is the same from the kustomize base and from install.yaml, image and all", async () => {
    const folder = fileURLToPath(new URL("../kustomize", import.meta.url))
    const { stdout, stderr } = await cluster.run(cluster.kubectl, ["kustomize", folder])
    expect(stderr).toBe("")
    expect(byName(objectsOf(stdout))).toEqual(byName(installation({ image })))
  })

  test("is taken whole by a real API server, twice, with strict validation and no warning", async () => {
    const text = manifestText(installation({ image }))
    const apply = ["apply", "--server-side", "--validate=strict", "--warnings-as-errors", "--filename=-"]
    for (const time of ["first", "second"]) {
      const { code, stdout, stderr } = await kubectl(apply, text)
      expect([time, code, stderr]).toEqual([time, 0, ""])
      expect(stdout.trim().split("\n").length).toBe(installation({ image }).length)
    }
  })

  test("runs pods that Pod Security restricted admits, and the namespace refuses others", async () => {
    const deployment = installation({ image }).find(({ kind }) => kind === "Deployment")
    const pod = podOf(deployment as Manifest, namespace)
    const create = ["create", "--dry-run=server", "--validate=strict", "--filename=-"]
    expect(await kubectl(create, JSON.stringify(pod))).toMatchObject({ code: 0, stderr: "" })
    const bad = { ...pod, spec: { ...pod.spec, securityContext: {}, hostNetwork: true } }
    const refused = await kubectl(create, JSON.stringify(bad))
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('violates PodSecurity "restricted:latest"')
  })
})

describe("the operator's account", () => {
  const as = (args: readonly string[], input: unknown = "") =>
    kubectl([`--as=${account}`, ...args], typeof input === "string" ? input : JSON.stringify(input))

  const binding = (role: string) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "cc-test-constrained-readwrite" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "ServiceAccount", name: "anything", namespace }],
  })

  test("binds the impersonation roles and no other", async () => {
    const create = ["create", "--dry-run=server", "--filename=-"]
    for (const mode of ["constrained", "legacy"]) {
      for (const profile of ["readwrite", "readonly"]) {
        const { code, stderr } = await as(create, binding(`clusterconnect-impersonate-${mode}-${profile}`))
        expect([code, stderr]).toEqual([0, ""])
      }
    }
    for (const role of ["cluster-admin", "system:node", "system:kube-scheduler"]) {
      const { code, stderr } = await as(create, binding(role))
      expect(code).toBe(1)
      expect(stderr).toContain("Forbidden")
    }
  })

  test.each([
    ["widen a role", ["patch", "clusterrole", operatorName, "--type=merge", "--patch", '{"rules":[]}']],
    ["make a role", ["create", "clusterrole", "own", "--verb=get", "--resource=secrets"]],
    ["widen its own role in its namespace", ["patch", "role", operatorName, `--namespace=${namespace}`, "--patch={}"]],
    ["read a Secret elsewhere", ["get", "secret", "any", "--namespace=kube-system"]],
    ["list Secrets in its own namespace", ["get", "secrets", `--namespace=${namespace}`]],
    ["read nodes", ["get", "nodes"]],
    ["exec into a pod", ["create", "--raw", `/api/v1/namespaces/${namespace}/pods/any/exec`, "--filename=-"]],
    ["make a token", ["create", "token", operatorName, `--namespace=${namespace}`]],
  ] as const)("cannot %s", async (_what, args) => {
    const { code, stderr } = await as(args, "{}")
    expect(code).toBe(1)
    expect(stderr).toContain("orbidden")
  })

  /** With a token of its own: an impersonated caller cannot impersonate on. */
  test("cannot impersonate", async () => {
    const token = (await cluster.admin(["create", "token", operatorName, `--namespace=${namespace}`])).trim()
    const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: ${JSON.stringify(cluster.api.url)}, certificate-authority-data: ${Buffer.from(cluster.caPem).toString("base64")}}}]
users: [{name: u, user: {token: ${token}}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`
    const file = `${cluster.directory}/operator.kubeconfig`
    await Bun.write(file, kubeconfig)
    const list = [`--kubeconfig=${file}`, "get", "clusterconnects"]
    expect(await cluster.run(cluster.kubectl, list)).toMatchObject({ code: 0 })
    const { code, stderr } = await cluster.run(cluster.kubectl, [...list, "--as=somebody"])
    expect(code).toBe(1)
    expect(stderr).toContain(`User "${account}" cannot impersonate`)
  })
})
