import { beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { stringify } from "yaml"
import { kustomizeBase } from "../../../deploy/manifests/kustomize.ts"
import { objectsOf } from "../../../deploy/manifests/testing/rendered.ts"
import { publicImages } from "../../../deploy/publicImages.ts"
import { pushManifests } from "../../cluster/delivery/pushManifests.ts"
import { type Flux, startFlux } from "../../cluster/delivery/startFlux.ts"
import { clusterConnect } from "../clusterConnect.ts"
import { nothingLeft } from "../nothingLeft.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"

const buildMillis = 30 * 60_000
const root = fileURLToPath(new URL("../../..", import.meta.url))
const read = (path: string): string => readFileSync(`${root}/${path}`, "utf8")

/** The same by real Flux and the examples of deploy/flux; before it nothing is installed, and after it nothing is. */
export const byFlux = (world: () => OperatorWorld) => {
  let flux: Flux
  const admin = (...args: readonly string[]) => world().cluster.admin(args)

  /** What a release's archive of the kustomize folders holds, with the image where the tests have it. */
  const publishInstallation = (image: string) => {
    const [repository = "", digest = ""] = image.split("@")
    const base = Object.entries(kustomizeBase({ version: "1.0.0", digest })).map(
      ([name, text]) => [`operator/${name}`, text.replaceAll(publicImages.clusterconnect, repository)] as const,
    )
    const crds = ["clusterconnect.yaml", "kustomization.yaml"].map(
      (name) => [`crds/${name}`, read(`crds/${name}`)] as const,
    )
    return pushManifests(world().registry, "clusterconnect-manifests:stable", Object.fromEntries([...crds, ...base]))
  }
  /** The repository that describes the cluster: a folder with these files, in which kustomize finds them by itself. */
  const publishCluster = (files: Readonly<Record<string, object>>) => {
    const folder = "clusters/edge-1/clusterconnect"
    const texts = Object.entries(files).map(([name, object]) => [`${folder}/${name}`, stringify(object)] as const)
    return pushManifests(world().registry, "fleet:main", Object.fromEntries(texts))
  }
  const source = (name: string, repository: string, tag: string) => {
    const [object] = objectsOf(read("deploy/flux/source.yaml"))
    const url = `oci://${world().registry.host}/${repository}`
    const metadata = { name, namespace: flux.namespace }
    return { ...object, metadata, spec: { ...(object?.spec as object), insecure: true, url, ref: { tag } } }
  }
  const joinToken = (token: string) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "edge-join", namespace: world().namespace },
    stringData: { token },
  })

  beforeAll(async () => {
    flux = await startFlux(world().cluster, (line) => console.error(`operator: ${line}`))
    await admin("create", "secret", "generic", "sops-age", "--namespace", flux.namespace)
    const { outside } = world()
    const resource = clusterConnect({ name: "edge", clusterName: "edge-1", outside, joinTokenSecret: "edge-join" })
    const secret = joinToken((await outside.relayCommand(["token", "create", "edge-1"])).trim())
    await publishInstallation(world().image)
    await publishCluster({ "clusterconnect.yaml": resource, "join-token.yaml": secret })
    const [own] = objectsOf(read("deploy/flux/resource.yaml"))
    const sourceRef = { kind: "OCIRepository", name: "fleet" }
    await world().apply([
      source("clusterconnect", "clusterconnect-manifests", "stable"),
      source("fleet", "fleet", "main"),
      ...["crds", "operator"].flatMap((name) => objectsOf(read(`deploy/flux/${name}.yaml`))),
      { ...own, spec: { ...(own?.spec as object), sourceRef } },
    ])
  }, buildMillis)

  test("definition, operator and resource come in their order, and Flux says Ready when the cluster can be reached", async () => {
    const ready = ["--for=condition=Ready", "--timeout=240s", "--namespace", flux.namespace]
    await admin("wait", ...ready, "kustomization/clusterconnect")
    expect(await admin("get", "cc", "edge", "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}")).toBe(
      "True",
    )
    await admin("wait", ...ready, "kustomization/clusterconnect-crds", "kustomization/clusterconnect-operator")
    const bob = await world().user("bob", ["team-a"], "edge")
    expect(await bob.kubectl.run(["-n", "work", "get", "pod", "shell", "-o", "name"])).toMatchObject({
      stdout: "pod/shell\n",
    })
    await bob.proxy.stop()
  })

  test("another image in the source is an upgrade of operator, agent and auth proxy", async () => {
    await publishInstallation(await world().nextImage())
    await flux.reconcile("ocirepository/clusterconnect")
    await flux.reconcile("kustomization/clusterconnect-operator")
    await admin("wait", "cc/edge", "--for=jsonpath={.status.authProxy.version}=1.0.1", "--timeout=120s")
    await world().complete("edge")
  })

  test("what the source no longer has is pruned: the cluster is deregistered, then the operator goes, nothing stays Terminating", async () => {
    await publishCluster({ "join-token.yaml": joinToken("spent") })
    await flux.reconcile("ocirepository/fleet")
    await flux.reconcile("kustomization/clusterconnect")
    await admin("wait", "--for=delete", "cc/edge", "--timeout=60s")
    expect(await world().registered()).toEqual([])
    const remove = ["delete", "--timeout=120s", "--namespace", flux.namespace]
    for (const name of ["clusterconnect", "clusterconnect-operator", "clusterconnect-crds"])
      await admin(...remove, "kustomization", name)
    await nothingLeft(world().cluster, { definition: "kept" })
    await admin("delete", "crd", "clusterconnects.clusterconnect.dev", "--timeout=60s")
  })
}
