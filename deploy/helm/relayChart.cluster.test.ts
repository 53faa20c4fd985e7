import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Either } from "effect"
import { decodeConfiguration } from "../../platform/configuration.ts"
import { RelayConfiguration } from "../../relay/configuration/RelayConfiguration.ts"
import type { Cluster } from "../../test/cluster/Cluster.ts"
import { type CertificateAuthority, createAuthority } from "../../test/cluster/credentials/CertificateAuthority.ts"
import { gatewayDefinitions } from "../../test/cluster/delivery/gatewayDefinitions.ts"
import { type Helm, provideHelm } from "../../test/cluster/delivery/provideHelm.ts"
import { startRegistry } from "../../test/cluster/delivery/startRegistry.ts"
import type { ProgramFailed } from "../../test/cluster/process/runProgram.ts"
import { prepareCluster, startCluster } from "../../test/cluster/startCluster.ts"
import { eventually } from "../../test/world/eventually.ts"
import { compile } from "../build.ts"
import { buildProductImage, imageTargets } from "../image/productImage.ts"
import { nonRoot } from "../image/runtimeLayer.ts"
import { namespaceObject } from "../manifests/installation.ts"
import type { Manifest } from "../manifests/names.ts"
import { byName, objectsOf } from "../manifests/testing/rendered.ts"
import { releasedName, targetNamed } from "../targets.ts"

/** A start of some seconds, on a machine that is busy with other things. */
setDefaultTimeout(60_000)
const BUILD_MILLIS = 30 * 60_000
const RUN_MILLIS = 300_000

const chart = fileURLToPath(new URL("clusterconnect-relay", import.meta.url))
const example = (name: string) => `--values=${join(chart, "examples", `${name}.yaml`)}`
const namespace = "relay"
const on = `--namespace=${namespace}`
const host = "relay.example.com"

let folder: string
let cluster: Cluster
let helm: Helm
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "clusterconnect-relay-chart-"))
  const say = (line: string) => console.error(line)
  await prepareCluster({ level: "node" })
  cluster = await startCluster({ level: "node" })
  helm = await provideHelm(cluster, say)
  await cluster.admin(["apply", "--server-side", `--filename=${await gatewayDefinitions()}`])
  await cluster.admin(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"])
  await cluster.admin(["apply", "--filename=-"], { input: JSON.stringify(namespaceObject(namespace)) })
}, BUILD_MILLIS)
afterAll(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const template = (...words: readonly string[]) => helm(["template", "relay", chart, on, ...words])

const refusal = (...words: readonly string[]): Promise<string> =>
  template(...words).then(
    () => "rendered",
    (error: unknown) => (error as ProgramFailed).message,
  )

const configurationOf = (objects: readonly Manifest[]): string => {
  const { data } = byName(objects)[`ConfigMap ${namespace}/relay`] as unknown as { data: Record<string, string> }
  return data["relay.yaml"] ?? ""
}

describe("the relay's chart", () => {
  test.each([
    ["load-balancer", ["Service", "StatefulSet"], true],
    ["ingress", ["Ingress"], false],
    ["gateway", ["TLSRoute"], true],
  ] as const)("%s: lint, a real API server and the relay itself take what it renders", async (name, kinds, endsTls) => {
    expect(await helm(["lint", "--strict", chart, example(name)])).toContain("0 chart(s) failed")
    const text = await template(example(name))
    const objects = objectsOf(text)
    expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining([...kinds]))
    const dryRun = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors"]
    await cluster.admin([...dryRun, "--filename=-"], { input: text })
    const decoded = decodeConfiguration(RelayConfiguration, configurationOf(objects), "relay.yaml")
    if (Either.isLeft(decoded)) throw decoded.left
    expect(decoded.right.value.publicUrl).toBe(`https://${host}`)
    expect(decoded.right.value.tls !== undefined).toBe(endsTls)
    expect(decoded.right.value.tlsTerminatedElsewhere).toBe(!endsTls)
  })

  test("without a Secret a Gateway ends the TLS, and its route is taken too", async () => {
    const text = await template(example("gateway"), "--set=tls.secretName=")
    expect(objectsOf(text).map(({ kind }) => kind)).toContain("HTTPRoute")
    await cluster.admin(["apply", "--dry-run=server", "--validate=strict", "--filename=-"], { input: text })
  })

  test.each([
    ["no publicUrl", ["--set=tls.secretName=x"], "missing property 'publicUrl'"],
    ["TLS that nobody ends", [example("load-balancer"), "--set=tls.secretName="], "nothing ends the TLS"],
    ["an unknown value", [example("gateway"), "--set=replicas=2"], "'replicas' not allowed"],
    ["an unknown key of the configuration", [example("gateway"), "--set=config.polcy=x"], "'polcy' not allowed"],
    ["a key that the chart sets", [example("gateway"), "--set=config.database=/x"], "'database' not allowed"],
    ["a file that no value mounts", [example("gateway"), "--set=config.clustersFile=/x"], "'clustersFile' not allowed"],
    ["a role that is none", [example("gateway"), "--set=config.policy[0].role=root"], "/config/policy/0/role"],
  ] as const)("refuses %s", async (_, words, reason) => {
    expect(await refusal(...words)).toContain(reason)
  })

  test(
    "runs from its image, pulled by digest, in a namespace under Pod Security restricted, answers over TLS, and finds its database again",
    async () => {
      const authority = await createAuthority("relay chart")
      await putSecret(authority)
      const image = await pushImage()
      const words = ["relay", chart, on, example("load-balancer"), ...image, "--wait", "--timeout=120s"]
      const own = ["--set-json=config.issuers=[]", "--set-json=config.policy=[]", "--set=service.type=ClusterIP"]
      await putVolume()
      await helm(["install", ...words, ...own, "--set=persistence.storageClassName=by-hand"])

      const address = await cluster.admin(["get", "service", "relay", on, "--output=jsonpath={.spec.clusterIP}"])
      // The rules of a Service follow its pod's readiness a little later.
      await eventually("an answer at the Service", 60_000, async () => {
        const seen = await get(address, authority.certificatePem)
        return seen === "200" ? { done: seen } : { seen }
      })
      const exec = ["exec", "relay-0", on, "--", "/usr/local/bin/clusterconnect-relay"]
      const config = "--config=/etc/clusterconnect/relay.yaml"
      expect((await cluster.admin([...exec, "token", "create", "edge-1", config])).trim()).not.toBe("")
      expect(JSON.parse(await cluster.admin([...exec, "token", "list", config])).tokens).toHaveLength(1)

      const uid = () => cluster.admin(["get", "pod", "relay-0", on, "--output=jsonpath={.metadata.uid}"])
      const before = await uid()
      const changed = ["--set=persistence.storageClassName=by-hand", "--set=config.limits.streamsPerCaller=64"]
      await helm(["upgrade", ...words, ...own, ...changed])
      expect(await uid()).toBe(before)
      await helm(["upgrade", ...words, ...own, ...changed, `--set=config.publicUrl=https://${host}:8443`])
      expect(await uid()).not.toBe(before)
      expect(JSON.parse(await cluster.admin([...exec, "token", "list", config])).tokens).toHaveLength(1)
      await helm(["uninstall", "relay", on, "--wait", "--timeout=120s"])
    },
    RUN_MILLIS,
  )
})

const putSecret = async (authority: CertificateAuthority) => {
  const { certificatePem, keyPem } = await authority.issue({ commonName: host, servedAs: [host] })
  writeFileSync(join(folder, "tls.crt"), certificatePem)
  writeFileSync(join(folder, "tls.key"), keyPem, { mode: 0o600 })
  const files = [`--cert=${join(folder, "tls.crt")}`, `--key=${join(folder, "tls.key")}`]
  await cluster.admin(["create", "secret", "tls", "relay-tls", on, ...files])
}

/** A volume as somebody makes it by hand: the relay's own, before anything is in it. */
const putVolume = async () => {
  const path = join(cluster.directory, "relay-volume")
  mkdirSync(path)
  chownSync(path, nonRoot, nonRoot)
  const volume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "relay" },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "by-hand",
      hostPath: { path, type: "Directory" },
    },
  }
  await cluster.admin(["create", "--filename=-"], { input: JSON.stringify(volume) })
}

/** The values that name the relay's image in a registry inside. */
const pushImage = async (): Promise<readonly string[]> => {
  const architecture = process.arch === "arm64" ? "arm64" : "amd64"
  const target = targetNamed(imageTargets[architecture] ?? "")
  const [name, version] = ["clusterconnect-relay", "9.9.9"] as const
  compile(name, join(folder, releasedName(name, target)), { target, version })
  const directory = join(folder, "image")
  const digest = await buildProductImage({ name, version, architectures: [architecture], programs: folder, directory })
  const registry = await startRegistry(cluster, (line) => console.error(line))
  const [repository, pushed] = (await registry.push(directory, `${name}:${version}`)).split("@")
  expect(pushed).toBe(digest)
  return [`--set=image.repository=${repository}`, `--set=image.digest=${digest}`]
}

/** The status of a GET of /livez at the Service, by the name of its certificate. */
const get = async (address: string, ca: string): Promise<string> => {
  const script = `require("node:https").get({ host: ${JSON.stringify(address)}, port: 443, servername: ${JSON.stringify(host)},
    headers: { host: ${JSON.stringify(host)} }, ca: ${JSON.stringify(ca)}, path: "/livez", rejectUnauthorized: true },
    (response) => { console.log(response.statusCode); process.exit(0) })`
  const { stdout, stderr } = await cluster.run(process.execPath, ["--eval", script])
  return `${stdout}${stderr}`.trim()
}
