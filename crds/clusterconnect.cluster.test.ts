import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { fileURLToPath } from "node:url"
import type { Cluster } from "../test/cluster/Cluster.ts"
import { prepareCluster, startCluster } from "../test/cluster/startCluster.ts"
import { eventually } from "../test/world/eventually.ts"
import { definition, plural } from "./ClusterConnect.ts"
import { type Loose, refusals, sample } from "./testing/refusals.ts"

/** A start of some seconds, on a machine that is busy with other things. */
setDefaultTimeout(60_000)
const BUILD_MILLIS = 25 * 60_000

let cluster: Cluster
beforeAll(async () => {
  await prepareCluster({ level: "control-plane" })
  cluster = await startCluster({ level: "control-plane" })
  await cluster.admin(["apply", `--filename=${fileURLToPath(new URL("clusterconnect.yaml", import.meta.url))}`])
  await explainable()
}, BUILD_MILLIS)
afterAll(() => cluster?.stop())

/** Established comes before discovery and before the schema that kubectl explain reads: waits for the last of them. */
const explainable = (): Promise<true> =>
  eventually("kubectl explain knows the resource", 60_000, async () => {
    const explain = [`--kubeconfig=${cluster.adminKubeconfig}`, "explain", "clusterconnects"]
    const { code, stderr } = await cluster.run(cluster.kubectl, explain)
    return code === 0 ? { done: true } : { seen: stderr }
  })

/** What the API server answers to an object sent without the client's own checks. */
const post = async (object: Loose): Promise<{ refused: boolean; message: string }> => {
  const finished = await cluster.run(
    cluster.kubectl,
    [`--kubeconfig=${cluster.adminKubeconfig}`, "create", "--validate=ignore", "--dry-run=server", "--filename=-"],
    { input: JSON.stringify(object) },
  )
  const message = `${finished.stdout}${finished.stderr}`
  // "is invalid" is kubectl's word for a 422 of reason Invalid.
  return { refused: finished.code !== 0 && message.includes(" is invalid: "), message }
}

const put = async (object: Loose): Promise<Loose> =>
  JSON.parse(
    await cluster.admin(["create", "--validate=ignore", "--output=json", "--filename=-"], {
      input: JSON.stringify(object),
    }),
  )

describe("the definition", () => {
  test("is accepted and structural", async () => {
    const crd = JSON.parse(await cluster.admin(["get", "crd", definition().metadata.name, "--output=json"]))
    const status = (type: string) => crd.status.conditions.find((one: Loose) => one.type === type)?.status
    expect(status("Established")).toBe("True")
    expect(status("NamesAccepted")).toBe("True")
    expect(status("NonStructuralSchema")).toBeUndefined()
  })

  test("explains its fields to kubectl", async () => {
    const explained = await cluster.admin([
      "explain",
      `${plural}.spec.authentication.jwt.claimMappings.username.prefix`,
    ])
    expect(explained).toContain("Put in front of the claim's value")
    expect(await cluster.admin(["explain", "cc.spec"])).toContain("Immutable.")
  })

  test("fills in every default, status included", async () => {
    const { spec, status } = await put(sample("defaults"))
    expect(status).toEqual({ observedGeneration: -1 })
    expect(spec.authentication).toMatchObject({ allowRelayAudience: false, maxSessionSeconds: 43_200 })
    expect(spec.impersonation).toEqual({ mode: "Auto", profile: "ReadWrite", allowNested: false })
    expect(spec.agent).toEqual({
      replicas: 2,
      resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "384Mi" } },
    })
    expect(spec.authProxy).toEqual({
      replicas: 2,
      resources: { requests: { cpu: "100m", memory: "192Mi" }, limits: { memory: "1536Mi" } },
    })
    expect(spec.networkPolicy).toBe("Enabled")
    expect(spec.credentialRotation).toEqual({ agentKeyDays: 30, servingCertificateDays: 30 })
    expect(spec.suspend).toBe(false)
    expect(spec.image).toBeUndefined()
  })

  test("prunes what it does not know", async () => {
    const object = sample("pruned")
    object.spec.unknown = 1
    object.spec.relay.unknown = { a: 1 }
    const { spec } = await put(object)
    expect(spec.unknown).toBeUndefined()
    expect(spec.relay).toEqual({ url: "https://relay.example" })
  })

  test("shows cluster, readiness, reason and sessions in a list under its short name", async () => {
    await put(sample("columns"))
    const status = {
      observedGeneration: 1,
      agent: { sessions: 2 },
      conditions: [
        { type: "Ready", status: "True", reason: "Succeeded", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" },
      ],
    }
    const patch = JSON.stringify({ status })
    await cluster.admin(["patch", "cc", "columns", "--subresource=status", "--type=merge", `--patch=${patch}`])
    const [head, row] = (await cluster.admin(["get", "cc", "columns"])).trim().split("\n")
    expect(head?.split(/\s+/)).toEqual(["NAME", "CLUSTER", "READY", "REASON", "SESSIONS", "AGE"])
    expect(row?.split(/\s+/).slice(0, 5)).toEqual(["columns", "edge-1", "True", "Succeeded", "2"])
  })

  test("keeps the cluster's name, also when it is removed and set again in one patch", async () => {
    await put(sample("immutable"))
    const patched = async (type: string, patch: Loose) =>
      await cluster.run(cluster.kubectl, [
        ...[`--kubeconfig=${cluster.adminKubeconfig}`, "patch", "cc", "immutable", `--type=${type}`],
        `--patch=${JSON.stringify(patch)}`,
      ])
    const renamed = await patched("merge", { spec: { clusterName: "edge-2" } })
    expect(renamed.code).toBe(1)
    expect(renamed.stderr).toContain("clusterName is immutable")
    const again = await patched("json", [
      { op: "remove", path: "/spec/clusterName" },
      { op: "add", path: "/spec/clusterName", value: "edge-2" },
    ])
    expect(again.stderr).toContain("clusterName is immutable")
    const removed = await patched("json", [{ op: "remove", path: "/spec/clusterName" }])
    expect(removed.stderr).toContain("spec.clusterName: Required value")
    expect((await patched("merge", { spec: { suspend: true } })).code).toBe(0)
  })
})

describe("a refusal names the field, and what is nearby is accepted", () => {
  test.each(refusals.map((one, index) => [one[0], index] as const))("%s (case %i)", async (field, index) => {
    const [, refusedChange, acceptedChange] = refusals[index]!
    const [bad, good] = [sample("refused"), sample("accepted")]
    refusedChange(bad)
    acceptedChange(good)
    const [refusal, acceptance] = [await post(bad), await post(good)]
    expect(refusal).toMatchObject({ refused: true })
    expect(refusal.message).toContain(field)
    expect(acceptance.message).toContain("created (server dry run)")
  })
})
