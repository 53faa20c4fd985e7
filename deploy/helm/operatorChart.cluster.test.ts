import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { impersonationRoles } from "../../identity/impersonationRoles.ts"
import packageJson from "../../package.json" with { type: "json" }
import type { Cluster } from "../../test/cluster/Cluster.ts"
import { type Helm, provideHelm } from "../../test/cluster/delivery/provideHelm.ts"
import type { ProgramFailed } from "../../test/cluster/process/runProgram.ts"
import { prepareCluster, startCluster } from "../../test/cluster/startCluster.ts"
import { chartArchiveName, writeChartArchive } from "../manifests/chartArchive.ts"
import { installation, namespaceObject } from "../manifests/installation.ts"
import { byName, isHook, objectsOf, podOf } from "../manifests/testing/rendered.ts"
import { publicImages } from "../publicImages.ts"

/** A start of some seconds, on a machine that is busy with other things. */
setDefaultTimeout(60_000)
const BUILD_MILLIS = 30 * 60_000

const chart = fileURLToPath(new URL("clusterconnect", import.meta.url))
const namespace = "clusterconnect"
const definitionName = "clusterconnects.clusterconnect.dev"

let cluster: Cluster
let helm: Helm
beforeAll(async () => {
  await prepareCluster({ level: "control-plane" })
  cluster = await startCluster({ level: "control-plane" })
  helm = await provideHelm(cluster, (line) => console.error(line))
  await cluster.admin(["apply", "--filename=-"], { input: JSON.stringify(namespaceObject(namespace)) })
  await cluster.admin(["create", "serviceaccount", "default", `--namespace=${namespace}`])
}, BUILD_MILLIS)
afterAll(() => cluster?.stop())

const rendered = async (...values: readonly string[]) =>
  objectsOf(await helm(["template", "any", chart, `--namespace=${namespace}`, ...values.map((one) => `--set=${one}`)]))

const refusal = async (value: string): Promise<string> =>
  rendered(value).then(
    () => "rendered",
    (error: unknown) => (error as ProgramFailed).message,
  )

const create = (object: object) =>
  cluster.run(
    cluster.kubectl,
    [`--kubeconfig=${cluster.adminKubeconfig}`, "create", "--dry-run=server", "--validate=strict", "--filename=-"],
    { input: JSON.stringify(object) },
  )

describe("the operator's chart", () => {
  test("passes helm's own lint", async () => {
    expect(await helm(["lint", "--strict", chart])).toContain("0 chart(s) failed")
  })

  test("installs exactly what install.yaml does, but for the namespace, and keeps the definition", async () => {
    const image = `${publicImages.clusterconnect}:${packageJson.version}`
    const wanted = installation({ image, namespace }).filter(({ kind }) => kind !== "Namespace")
    const kept = { "helm.sh/resource-policy": "keep" }
    const expected = wanted.map((one) =>
      one.kind === "CustomResourceDefinition" ? { ...one, metadata: { ...one.metadata, annotations: kept } } : one,
    )
    expect(byName((await rendered()).filter((one) => !isHook(one)))).toEqual(byName(expected))
  })

  test("is admitted under Pod Security restricted, the Job that uninstalls included", async () => {
    const pods = (await rendered()).filter(({ kind }) => kind === "Deployment" || kind === "Job")
    expect(pods.map(({ kind }) => kind).sort()).toEqual(["Deployment", "Job"])
    for (const one of pods) {
      // Admission asks for the account, which helm has not made yet; nor is there a controller that makes this one.
      const pod = podOf(one, namespace)
      const spec = { ...pod.spec, serviceAccountName: "default", automountServiceAccountToken: false }
      expect(await create({ ...pod, spec })).toMatchObject({ code: 0, stderr: "" })
      expect(await create({ ...one, metadata: { ...one.metadata, namespace } })).toMatchObject({ code: 0, stderr: "" })
    }
  })

  test("does what its values say", async () => {
    const [none, one] = [
      await rendered("crds.enabled=false", "networkPolicy.enabled=false"),
      await rendered("replicas=1"),
    ]
    const kinds = (objects: typeof none) => objects.map(({ kind }) => kind)
    expect(kinds(none)).not.toContain("CustomResourceDefinition")
    expect(kinds(none)).not.toContain("NetworkPolicy")
    expect(kinds(one)).not.toContain("PodDisruptionBudget")
    expect(kinds(await rendered("uninstall.enabled=false"))).not.toContain("Job")
  })

  test("leaves the roles of auth proxies to who narrows them, and nothing else with them", async () => {
    const roleNames = impersonationRoles.map(({ metadata }) => metadata.name)
    const all = Object.keys(byName(await rendered()))
    const without = Object.keys(byName(await rendered("impersonationRoles.enabled=false")))
    expect(all.filter((name) => !without.includes(name))).toEqual(roleNames.map((name) => `ClusterRole /${name}`))
  })

  test("lets nobody read metrics but the peers that its values name", async () => {
    const policyOf = async (...values: readonly string[]) =>
      (await rendered(...values)).find(({ kind }) => kind === "NetworkPolicy")
    expect(await policyOf()).toMatchObject({ spec: { ingress: [] } })
    const label = "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name"
    const policy = await policyOf(`${label}=monitoring`)
    const from = [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }]
    expect(policy).toMatchObject({ spec: { ingress: [{ from, ports: [{ protocol: "TCP", port: 8083 }] }] } })
    expect(await create({ ...policy, metadata: { ...policy?.metadata, namespace } })).toMatchObject({ code: 0 })
  })

  test("names the image in both places alike: of a mirror, by tag, by digest", async () => {
    const digest = `sha256:${"a".repeat(64)}`
    const images = async (...values: readonly string[]) => {
      const deployment = (await rendered(...values)).find(({ kind }) => kind === "Deployment")
      const found = JSON.stringify(deployment).matchAll(/"(?:image|value)":"([^"]*(?:clusterconnect|mirror)[^"]*)"/g)
      return [...new Set([...found].map(([, name]) => name))]
    }
    const { version } = packageJson
    expect(await images()).toEqual([`${publicImages.clusterconnect}:${version}`])
    expect(await images("image.repository=mirror.example/cc")).toEqual([`mirror.example/cc:${version}`])
    expect(await images("image.tag=9.9.9")).toEqual([`${publicImages.clusterconnect}:9.9.9`])
    expect(await images(`image.digest=${digest}`)).toEqual([`${publicImages.clusterconnect}:${version}@${digest}`])
  })

  test("as a release's archive it names its image by digest, the same bytes each time, and so does the relay's", async () => {
    const digest = `sha256:${"b".repeat(64)}`
    for (const name of ["clusterconnect", "clusterconnect-relay"] as const) {
      const files = ["1", "2"].map((time) => join(cluster.directory, `${time}-${chartArchiveName(name, "9.9.9")}`))
      for (const file of files) await writeChartArchive(name, { version: "9.9.9", digest }, file)
      const [first, second] = files.map((file) => readFileSync(file))
      expect(first?.equals(second ?? Buffer.alloc(0))).toBe(true)
      const values = ["--set=config.publicUrl=https://relay.example.com", "--set=tls.secretName=relay-tls"]
      const text = await helm(["template", "any", files[0] ?? "", ...(name === "clusterconnect" ? [] : values)])
      expect(text).toContain(`image: "${publicImages[name]}:9.9.9@${digest}"`)
      expect(await helm(["show", "chart", files[0] ?? ""])).toContain("version: 9.9.9")
    }
  })

  test.each([
    ["an unknown value", "replica=2", "replica"],
    ["no pods", "replicas=0", "minimum"],
    ["a digest that is none", "image.digest=sha256:x", "does not match pattern"],
    ["a tag in the repository", "image.repository=example.com/cc:1", "does not match pattern"],
  ])("refuses %s", async (_, value, reason) => {
    expect(await refusal(value)).toContain(reason)
  })

  test("is installed, upgraded and uninstalled by helm, and the definition with its resources stays", async () => {
    const on = [`--namespace=${namespace}`]
    await helm(["install", "cc", chart, ...on])
    await cluster.admin(["get", "deployment", "clusterconnect-operator", ...on])
    await helm(["upgrade", "cc", chart, ...on, "--set=replicas=1"])
    const replicas = ["get", "deployment", "clusterconnect-operator", ...on, "--output=jsonpath={.spec.replicas}"]
    expect(await cluster.admin(replicas)).toBe("1")
    // No node runs the Job here.
    await helm(["uninstall", "cc", ...on, "--no-hooks"])
    const left = await cluster.admin(["get", "deployment,role,rolebinding,networkpolicy,pdb", ...on, "--output=name"])
    expect(left).toBe("")
    expect(await cluster.admin(["get", "crd", "--output=name"])).toContain(definitionName)
  })
})
