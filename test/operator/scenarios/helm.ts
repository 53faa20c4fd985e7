import { beforeAll, expect, test } from "bun:test"
import { fileURLToPath } from "node:url"
import { namespaceObject } from "../../../deploy/manifests/installation.ts"
import { type Helm, provideHelm } from "../../cluster/delivery/provideHelm.ts"
import { eventually } from "../../world/eventually.ts"
import { startLoad } from "../Load.ts"
import { nothingLeft } from "../nothingLeft.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"

const chart = fileURLToPath(new URL("../../../deploy/helm/clusterconnect", import.meta.url))
const buildMillis = 30 * 60_000
const limitMillis = 120_000

/** The same by real helm 4; before it nothing is installed, after it nothing but the definition. */
export const byHelm = (world: () => OperatorWorld) => {
  let helm: Helm
  const values = (image: string) => {
    const [repository, digest] = image.split("@")
    return [`--set=image.repository=${repository}`, `--set=image.digest=${digest}`]
  }
  const release = () => ["clusterconnect", chart, `--namespace=${world().namespace}`, "--wait", "--timeout=120s"]

  beforeAll(async () => {
    helm = await provideHelm(world().cluster, (line) => console.error(`operator: ${line}`))
    await world().apply([namespaceObject(world().namespace)])
    await helm(["install", ...release(), ...values(world().image)])
    await world().connect({ name: "edge", clusterName: "edge-1" })
    await world().complete("edge")
  }, buildMillis)

  test("an upgrade to another image, under load: every connection opened meanwhile works, an open exec is drained", async () => {
    const next = await world().nextImage()
    const alice = await world().user("alice", ["team-a"], "edge")
    let count = 0
    const load = await startLoad(alice, () => world().user(`upgrade-${count++}`, ["team-a"], "edge"))
    await load.another()
    await helm(["upgrade", ...release(), ...values(next)])
    const images = async () => {
      const path =
        "--output=jsonpath={range .items[?(@.status.phase=='Running')]}{.spec.containers[0].image}{'\\n'}{end}"
      const pods = ["get", "pods", "-n", world().namespace, path]
      return (await world().cluster.admin(pods))
        .trim()
        .split("\n")
        .map((image) => image.split("@")[1])
    }
    const authProxies = async () => {
      const pods = ["get", "pods", "-n", world().namespace, "-l=app.kubernetes.io/component=auth-proxy", "-o=json"]
      const { items } = JSON.parse(await world().cluster.admin(pods))
      return items as readonly {
        readonly metadata: { readonly deletionTimestamp?: string }
        readonly spec: { readonly containers: readonly [{ readonly image: string }] }
      }[]
    }
    await eventually("auth proxies of the new version serve", limitMillis, async () => {
      const version = await world().cluster.admin(["get", "cc", "edge", "-o", "jsonpath={.status.authProxy.version}"])
      return version === "1.0.1" ? { done: undefined } : { seen: version }
    })
    await world().complete("edge")
    await load.another()
    // The exec still has its auth proxy, which takes nobody else any more.
    const draining = (await authProxies()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    expect(draining.map(({ spec }) => spec.containers[0].image.split("@")[1])).toContain(world().image.split("@")[1])
    expect(await load.stop()).toMatchObject({ failures: [], execCode: 0 })
    await alice.proxy.stop()
    await eventually("the last pod of the old image ends with the exec", limitMillis, async () => {
      const seen = await images()
      return seen.length === 6 && seen.every((digest) => next.endsWith(`@${digest}`)) ? { done: undefined } : { seen }
    })
  })

  test("helm uninstall deregisters the cluster and leaves the definition, and nothing Terminating", async () => {
    await helm(["uninstall", "clusterconnect", `--namespace=${world().namespace}`, "--wait", "--timeout=120s"])
    await nothingLeft(world().cluster, { namespace: "kept", definition: "kept" })
    expect(await world().cluster.admin(["get", "clusterconnects", "--output=name"])).toBe("")
    expect(await world().registered()).toEqual([])
    await world().cluster.admin(["delete", "namespace", world().namespace, "--timeout=60s"])
    await world().cluster.admin(["delete", "crd", "clusterconnects.clusterconnect.dev", "--timeout=60s"])
  })
}
