import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Cluster } from "../Cluster.ts"
import { libraryClosure } from "../image/libraryClosure.ts"
import { ociImage } from "../image/ociImage.ts"
import { mustRun } from "../process/runProgram.ts"
import { prepareCluster, startCluster } from "../startCluster.ts"
import { type Helm, provideHelm } from "./provideHelm.ts"
import { pushManifests } from "./pushManifests.ts"
import { type Flux, startFlux } from "./startFlux.ts"
import { type Registry, startRegistry } from "./startRegistry.ts"

setDefaultTimeout(120_000)

/** Everything built on two cores with nothing cached. */
const BUILD_MILLIS = 30 * 60_000

const say = (line: string) => console.error(`delivery: ${line}`)

let cluster: Cluster
let registry: Registry
beforeAll(async () => {
  await prepareCluster({ level: "node", closed: true })
  cluster = await startCluster({ level: "node", closed: true })
  registry = await startRegistry(cluster, say)
}, BUILD_MILLIS)
afterAll(() => cluster?.stop())

const configMap = (name: string, data: object) =>
  JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data })
const names = async () =>
  (await cluster.admin(["get", "configmaps", "--output=name"]))
    .trim()
    .split("\n")
    .filter((name) => !name.includes("kube-root"))

test("a pod pulled by digest from the registry inside runs under Pod Security restricted, with all inbound traffic dropped", async () => {
  const layout = join(cluster.directory, "env-layout")
  mkdirSync(layout)
  const digest = await ociImage({
    name: "clusterconnect.test/env:1",
    output: `${layout}.tar`,
    files: await libraryClosure("/usr/bin/env", "/usr/bin/env"),
    entrypoint: ["/usr/bin/env"],
    user: "65532:65532",
    environment: { SAID: "pulled" },
  })
  await mustRun("tar", ["--extract", "--file", `${layout}.tar`, "--directory", layout])
  const image = await registry.push(layout, "tools/env:1")
  expect(image).toBe(`${registry.host}/tools/env@${digest}`)

  await cluster.admin(["create", "namespace", "restricted"])
  await cluster.admin(["label", "namespace", "restricted", "pod-security.kubernetes.io/enforce=restricted"])
  const securityContext = {
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  }
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "env", namespace: "restricted" },
    spec: { restartPolicy: "Never", containers: [{ name: "main", image, imagePullPolicy: "Always", securityContext }] },
  }
  await cluster.admin(["create", "--filename=-"], { input: JSON.stringify(pod) })
  const succeeded = "--for=jsonpath={.status.phase}=Succeeded"
  await cluster.admin(["wait", "--namespace=restricted", "pod/env", succeeded, "--timeout=60s"])
  expect(await cluster.admin(["logs", "--namespace=restricted", "env"])).toContain("SAID=pulled\n")
  expect((await cluster.probeInbound()).closed).toBe(true)
})

describe("helm 4", () => {
  let helm: Helm
  beforeAll(async () => {
    helm = await provideHelm(cluster, say)
  }, BUILD_MILLIS)

  test("installs a chart, upgrades it and leaves nothing when it is uninstalled", async () => {
    const chart = join(cluster.directory, "chart")
    mkdirSync(join(chart, "templates"), { recursive: true })
    writeFileSync(join(chart, "Chart.yaml"), "apiVersion: v2\nname: tiny\nversion: 0.1.0\n")
    writeFileSync(join(chart, "values.yaml"), "said: installed\n")
    const template = configMap("tiny", { said: "{{ .Values.said }}" })
    writeFileSync(join(chart, "templates/said.yaml"), template)
    const said = () => cluster.admin(["get", "configmap", "tiny", "--output=jsonpath={.data.said}"])

    expect(await helm(["version", "--short"])).toStartWith("v4.3.1")
    await helm(["install", "tiny", chart, "--wait"])
    expect(await said()).toBe("installed")
    await helm(["upgrade", "tiny", chart, "--set=said=upgraded", "--wait"])
    expect(await said()).toBe("upgraded")
    await helm(["uninstall", "tiny", "--wait"])
    expect(await names()).toEqual([])
  })
})

describe("Flux", () => {
  let flux: Flux
  beforeAll(async () => {
    flux = await startFlux(cluster, say)
  }, BUILD_MILLIS)

  test("applies what is pushed to the registry, then its next version, and prunes what that no longer has", async () => {
    await pushManifests(registry, "app:main", {
      "app/one.yaml": configMap("one", { version: "1" }),
      "app/two.yaml": configMap("two", { version: "1" }),
    })
    const interval = "1h"
    const items = [
      {
        apiVersion: "source.toolkit.fluxcd.io/v1",
        kind: "OCIRepository",
        metadata: { name: "app", namespace: flux.namespace },
        spec: { interval, insecure: true, url: `oci://${registry.host}/app`, ref: { tag: "main" } },
      },
      {
        apiVersion: "kustomize.toolkit.fluxcd.io/v1",
        kind: "Kustomization",
        metadata: { name: "app", namespace: flux.namespace },
        spec: { interval, path: "./app", prune: true, wait: true, sourceRef: { kind: "OCIRepository", name: "app" } },
      },
    ]
    const version = (name: string) => cluster.admin(["get", "configmap", name, "--output=jsonpath={.data.version}"])
    const objects = ["--namespace", flux.namespace, "ocirepository/app", "kustomization/app"]
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items })
    await cluster.admin(["create", "--filename=-"], { input: list })
    await cluster.admin(["wait", "--for=condition=Ready", "--timeout=90s", ...objects])
    expect([await version("one"), await version("two")]).toEqual(["1", "1"])

    await pushManifests(registry, "app:main", { "app/two.yaml": configMap("two", { version: "2" }) })
    await flux.reconcile("ocirepository/app")
    await flux.reconcile("kustomization/app")
    expect(await version("two")).toBe("2")
    expect(await names()).toEqual(["configmap/two"])

    await cluster.admin(["delete", "--timeout=90s", ...objects])
    expect(await names()).toEqual([])
  })
})
