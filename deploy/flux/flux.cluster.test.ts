import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stringify } from "yaml"
import type { Cluster } from "../../test/cluster/Cluster.ts"
import { pushManifests } from "../../test/cluster/delivery/pushManifests.ts"
import { startFlux } from "../../test/cluster/delivery/startFlux.ts"
import { type Registry, startRegistry } from "../../test/cluster/delivery/startRegistry.ts"
import { prepareCluster, startCluster } from "../../test/cluster/startCluster.ts"
import { pushProductImage } from "../../test/operator/pushProductImage.ts"
import { eventually } from "../../test/world/eventually.ts"
import { manifestText } from "../manifests/installation.ts"
import { writeKustomizeArchive } from "../manifests/kustomizeArchive.ts"
import type { Manifest } from "../manifests/names.ts"
import { objectsOf } from "../manifests/testing/rendered.ts"

/** Everything built on two cores with nothing cached. */
const BUILD_MILLIS = 30 * 60_000
/** Pods that pull 200 MB and start, on a machine that is busy with other things. */
const RUN_MILLIS = 600_000
setDefaultTimeout(RUN_MILLIS)

const version = "0.1.0"
const flux = "--namespace=flux-system"
const say = (line: string) => console.error(`flux: ${line}`)

let folder: string
let cluster: Cluster
let registry: Registry
let image: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "clusterconnect-flux-"))
  await prepareCluster({ level: "node", closed: true })
  cluster = await startCluster({ level: "node", closed: true })
  registry = await startRegistry(cluster, say)
  await startFlux(cluster, say)
  image = await pushProductImage(registry, folder, version)
}, BUILD_MILLIS)
afterAll(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const exampleFile = (path: string) => readFileSync(join(import.meta.dir, path), "utf8")

/** The only object of an example, as a user would commit it, with what a plain-text registry of a test needs else. */
const example = (path: string, changes: object): Manifest => {
  const [object] = objectsOf(exampleFile(path))
  return { ...object, spec: { ...(object?.spec as object), ...changes } } as Manifest
}

const artifact = (name: string, url: string, tag: string) => ({
  ...example("source.yaml", { insecure: true, url: `oci://${url}`, ref: { tag } }),
  metadata: { name, namespace: "flux-system" },
})

/** What the examples bring into Flux, with the cluster's own folder in a second artifact. */
const publish = async (): Promise<readonly Manifest[]> => {
  const [newName, digest] = image.split("@")
  const archive = join(folder, "manifests.tgz")
  await writeKustomizeArchive({ version, ...(digest === undefined ? {} : { digest }) }, archive)
  await registry.pushArchive(archive, `clusterconnect-manifests:${version}`)
  const own = ["clusterconnect.yaml", "join-token.yaml", "kustomization.yaml"]
  const inFolder = own.map((name) => `clusters/edge-1/clusterconnect/${name}`)
  await pushManifests(registry, "fleet:main", Object.fromEntries(inFolder.map((path) => [path, exampleFile(path)])))
  return [
    artifact("clusterconnect", `${registry.host}/clusterconnect-manifests`, version),
    artifact("flux-system", `${registry.host}/fleet`, "main"),
    example("crds.yaml", {}),
    example("operator.yaml", { images: [{ name: "clusterconnect", newName, digest }] }),
    // Flux looks at a deletion only when the wait of the last look is over.
    example("resource.yaml", { sourceRef: { kind: "OCIRepository", name: "flux-system" }, timeout: "20s" }),
  ]
}

const waited = (what: string, condition: string) =>
  cluster.admin(["wait", flux, `kustomization/${what}`, `--for=${condition}`, "--timeout=180s"])

const isGone = (...what: readonly string[]) =>
  eventually(`${what.join(" ")} is gone`, 120_000, async () => {
    const seen = await cluster.admin(["get", ...what, "--ignore-not-found", "--output=name"])
    return seen === "" ? { done: true } : { seen }
  })

test("real Flux takes the examples in their order, waits for the operator, and prunes without leaving anything Terminating", async () => {
  await cluster.admin(["create", "secret", "generic", "sops-age", flux])
  await cluster.admin(["apply", "--server-side", "--filename=-"], { input: manifestText(await publish()) })
  await waited("clusterconnect-operator", "condition=Ready")
  await waited("clusterconnect-crds", "condition=Ready")

  const path = "jsonpath={.spec.template.spec.containers[0]['image','env']}{.status.availableReplicas}"
  const seen = await cluster.admin([
    "get",
    "deployment",
    "clusterconnect-operator",
    "--namespace=clusterconnect",
    `--output=${path}`,
  ])
  expect(seen.split(image).length).toBe(3)
  expect(seen.trim()).toEndWith("2")

  // The example's relay is nowhere: the resource says so, and Flux goes on waiting for it.
  await eventually("the resource says that its relay is unreachable", 120_000, async () => {
    const found = await cluster.admin(["get", "clusterconnect", "edge-1", "--ignore-not-found", "--output=json"])
    const { status } = JSON.parse(found === "" ? "{}" : found) as { status?: { conditions?: readonly object[] } }
    const reconciling = status?.conditions?.find((one) => "type" in one && one.type === "Reconciling")
    return reconciling !== undefined && "reason" in reconciling && reconciling.reason === "RelayUnreachable"
      ? { done: true }
      : { seen: status ?? found }
  })
  expect(
    await cluster.admin([
      "get",
      "kustomization",
      "clusterconnect",
      flux,
      "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}",
    ]),
  ).not.toBe("True")

  await cluster.admin(["delete", "kustomization", "clusterconnect", flux, "--wait=false"])
  await isGone("clusterconnects")
  await isGone("kustomization", "clusterconnect", flux)
  await cluster.admin([
    "delete",
    "kustomization",
    "clusterconnect-operator",
    "clusterconnect-crds",
    flux,
    "--wait=false",
  ])
  await isGone("namespace", "clusterconnect")
  expect(await cluster.admin(["get", "crd", "clusterconnects.clusterconnect.dev", "--output=name"])).not.toBe("")
})

test("the other examples are taken by Flux's own definitions", async () => {
  for (const path of ["source.yaml", "source-git.yaml", "crds.yaml", "operator.yaml", "resource.yaml"]) {
    const dryRun = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"]
    await cluster.admin(dryRun, { input: stringify(example(path, {})) })
  }
})
