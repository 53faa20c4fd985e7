import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { parse } from "yaml"
import { ApiServer } from "../agent/authproxy/upstream/ApiServer.ts"
import { askApiServer } from "../agent/authproxy/upstream/askApiServer.ts"
import { probeApiServer } from "../agent/authproxy/upstream/probeApiServer.ts"
import { ServiceAccountFiles } from "../agent/authproxy/upstream/ServiceAccountFiles.ts"
import { operatorDeployment } from "../deploy/manifests/operatorWorkload.ts"
import { impersonationRole, impersonationRoles, tokenIdExtra } from "../identity/impersonationRoles.ts"
import { provideHelm } from "../test/cluster/delivery/provideHelm.ts"
import { ChildrenCluster, namespace } from "../test/operator/ChildrenCluster.ts"
import { eventually } from "../test/world/eventually.ts"
import { childrenOf } from "./children/childrenOf.ts"
import { childrenInput, writtenSpec } from "./children/testing/childrenInput.ts"
import { boundRole } from "./reconcile/boundRole.ts"
import { decodeResource } from "./reconcile/decodeResource.ts"
import { heldCredentials } from "./reconcile/heldCredentials.ts"
import { newMemory } from "./reconcile/Memory.ts"

/** What the documentation gives an administrator to apply and to run, taken from there. */
setDefaultTimeout(120_000)
let cluster: ChildrenCluster
beforeAll(async () => {
  cluster = await ChildrenCluster.start()
}, 25 * 60_000)
afterAll(() => cluster?.cluster.stop())

const deploy = fileURLToPath(new URL("../deploy", import.meta.url))
/** The first block of this language after the heading. */
const block = (file: string, heading: string, language: string): string => {
  const text = readFileSync(new URL(`../docs/${file}`, import.meta.url), "utf8").split(`## ${heading}\n`)[1] ?? ""
  return text.split(`\`\`\`${language}\n`)[1]?.split("```")[0] ?? expect.unreachable(`no ${language} in ${file}`)
}
const narrowed = block("security.md", "Narrowing the impersonation role", "yaml")
const folder = (name: string): string => {
  const directory = join(cluster.cluster.directory, name)
  mkdirSync(directory)
  return directory
}

test("the narrowed role is the shipped one but for whom it lists", () => {
  const { rules, ...role } = impersonationRole("Constrained", "ReadWrite")
  const { rules: documented, ...named } = parse(narrowed)
  expect(named).toEqual(role)
  const whom = documented.filter(({ verbs }: { verbs: readonly string[] }) => verbs.includes("impersonate:user-info"))
  expect(documented.slice(whom.length)).toEqual(rules.slice(1))
})

test("the narrowed role lets in the probe and whom it lists, by token, and nobody else, and counts as narrowed", async () => {
  const { admin } = cluster.cluster
  const { name } = impersonationRole("Constrained", "ReadWrite").metadata
  await admin(["create", "serviceaccount", "auth-proxy", `--namespace=${namespace}`])
  const account = `--serviceaccount=${namespace}:auth-proxy`
  await admin(["create", "clusterrolebinding", "auth-proxy", `--clusterrole=${name}`, account])
  const directory = folder("narrowed")
  const [tokenFile, caFile] = [join(directory, "token"), join(directory, "ca.crt")]
  writeFileSync(tokenFile, await admin(["create", "token", "auth-proxy", `--namespace=${namespace}`]))
  writeFileSync(caFile, cluster.cluster.caPem)
  const files = new ServiceAccountFiles({ tokenFile, caFile, onFault: () => {} })
  const api = new ApiServer(new URL(cluster.cluster.api.url), files)
  /** The first word of a new probe. */
  const look = Effect.gen(function* () {
    const { state } = yield* probeApiServer(api)
    const known = async () => {
      const { impersonation } = state()
      return impersonation === "unknown" ? { seen: state() } : { done: impersonation }
    }
    return yield* Effect.promise(() => eventually("the probe has an answer", 30_000, known))
  }).pipe(Effect.scoped)
  /** A changed role takes a moment to be known. */
  const probed = (impersonation: string) =>
    eventually(`the probe is ${impersonation}`, 30_000, async () => {
      const seen = await Effect.runPromise(look)
      return seen === impersonation ? { done: seen } : { seen }
    })
  const reviewed = async (username: string, group: string) => {
    const as = { username, groups: [group], uid: undefined, extra: { [tokenIdExtra]: ["7"] } }
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }
    const target = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return (await Effect.runPromise(askApiServer(api, { method: "POST", target, as, body }))).status
  }
  const seen = () => cluster.run(boundRole("Constrained", "ReadWrite"))
  try {
    await probed("allowed")
    expect(await seen()).toEqual({ name, is: "shipped" })

    const apply = (input: string) =>
      admin(["apply", "--server-side", "--field-manager=narrowed", "--force-conflicts", "--filename=-"], { input })
    for (const needed of ["clusterconnect-probe, ", "/clusterconnect.dev/token-id"]) {
      await apply(narrowed.replace(needed, ""))
      await probed("forbidden")
      await apply(narrowed)
      await probed("allowed")
    }
    expect(await seen()).toEqual({ name, is: "narrowed" })
    expect(await reviewed("main:alice", "main:developers")).toBe(201)
    expect(await reviewed("main:mallory", "main:developers")).toBe(403)
    expect(await reviewed("main:alice", "main:admins")).toBe(403)
  } finally {
    api.close()
    files.close()
  }
})

test("install.yaml, applied again, leaves the narrowed role alone and says so", async () => {
  const shipped = JSON.stringify(impersonationRole("Constrained", "ReadWrite"))
  const args = [`--kubeconfig=${cluster.cluster.adminKubeconfig}`, "apply", "--server-side", "--filename=-"]
  const again = await cluster.cluster.run(cluster.cluster.kubectl, args, { input: shipped })
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('conflict with "narrowed"') })
  expect(await cluster.run(boundRole("Constrained", "ReadWrite"))).toMatchObject({ is: "narrowed" })
})

test("the narrowed role as a patch of kustomize replaces the rules of its role whole", async () => {
  const directory = folder("overlay")
  // kustomize takes no absolute path.
  symlinkSync(deploy, join(directory, "deploy"))
  writeFileSync(join(directory, "narrowed.yaml"), narrowed)
  const overlay = { resources: ["deploy/kustomize/operator"], patches: [{ path: "narrowed.yaml" }] }
  writeFileSync(join(directory, "kustomization.yaml"), JSON.stringify(overlay))
  const text = await cluster.cluster.admin(["kustomize", directory])
  const objects = text.split("\n---\n").map((one) => parse(one))
  const { metadata, rules } = parse(narrowed)
  expect(objects.find((one) => one.metadata.name === metadata.name)).toMatchObject({ rules })
})

test("the roles stay when Helm's values leave them out, as documented, and the narrowed one takes its place", async () => {
  const { admin, kubectl, adminKubeconfig, run } = cluster.cluster
  const directory = folder("helm")
  writeFileSync(join(directory, "narrowed.yaml"), narrowed)
  const row = /^\| Helm \|.*$/m.exec(readFileSync(new URL("../docs/security.md", import.meta.url), "utf8"))?.[0] ?? ""
  const [annotate = "", apply = ""] = [...row.matchAll(/`(kubectl [^`]*)`/g)].map(([, command]) => command)
  const sh = (command: string) =>
    run("sh", ["-euc", `cd ${directory}; kubectl() { ${kubectl} "$@"; }; ${command}`], {
      env: { ...process.env, KUBECONFIG: adminKubeconfig },
    })
  const ours = ["clusterrole", "--selector=app.kubernetes.io/component=auth-proxy"]
  const names = impersonationRoles.map(({ metadata }) => `clusterrole.rbac.authorization.k8s.io/${metadata.name}`)
  const helm = await provideHelm(cluster.cluster, (line) => console.error(line))
  const release = ["cc", join(deploy, "helm/clusterconnect"), `--namespace=${namespace}`, "--set=crds.enabled=false"]
  await admin(["delete", ...ours])
  await helm(["install", ...release])
  expect(await sh(annotate)).toMatchObject({ code: 0 })
  await helm(["upgrade", ...release, "--set=impersonationRoles.enabled=false"])
  expect((await admin(["get", ...ours, "--output=name"])).trim().split("\n")).toEqual(names.toSorted())
  expect(await sh(apply)).toMatchObject({ code: 0, stderr: "" })
  await helm(["upgrade", ...release, "--set=impersonationRoles.enabled=false"])
  await helm(["uninstall", "cc", `--namespace=${namespace}`, "--no-hooks"])
  expect(await cluster.run(boundRole("Constrained", "ReadWrite"))).toMatchObject({ is: "narrowed" })
})

test("the network policy that lets metrics be read is one, and names a port that every pod has", async () => {
  const policy = block("operator.md", "Settings and health", "yaml")
  await cluster.cluster.admin(["create", "--dry-run=server", "--validate=strict", "--filename=-"], { input: policy })
  const [{ ports }] = parse(policy).spec.ingress
  const { desired } = childrenOf(childrenInput())
  const pods = [...desired, operatorDeployment(namespace, "x")].filter(({ kind }) => kind === "Deployment")
  const named = JSON.stringify(pods).match(/"name":"health","containerPort"/g)
  expect([ports, named?.length]).toEqual([[{ protocol: "TCP", port: "health" }], 3])
})

test("the commands that bring an identity back give it to a resource that is made again", async () => {
  const directory = folder("restored")
  const resource = (suspend: boolean) => ({
    apiVersion: "clusterconnect.dev/v1alpha1",
    kind: "ClusterConnect",
    metadata: { name: "edge-1" },
    spec: { ...writtenSpec, suspend },
  })
  writeFileSync(join(directory, "edge-1.yaml"), JSON.stringify(resource(true)))
  const sh = (script: string) =>
    cluster.cluster.run("sh", ["-euc", `cd ${directory}; kubectl() { ${cluster.cluster.kubectl} "$@"; }; ${script}`], {
      env: { ...process.env, KUBECONFIG: cluster.cluster.adminKubeconfig },
    })
  const held = () =>
    cluster.run(
      Effect.gen(function* () {
        const object = yield* Effect.promise(() => cluster.get("clusterconnect/edge-1"))
        return (yield* heldCredentials(namespace, yield* decodeResource(object!), newMemory(""))).state.identityPem
      }),
    )
  await cluster.resource("edge-1")
  const before = await held()
  const [backup, restore] = block("credentials.md", "Backup", "sh").split("\n")
  expect(await sh(backup!)).toMatchObject({ code: 0 })
  expect(await sh(`kubectl delete clusterconnect/edge-1; kubectl -n ${namespace} delete secret --all`)).toMatchObject({
    code: 0,
  })
  const commands = block("credentials.md", "The same identity for a resource that is made again", "sh")
  expect(await sh(commands)).toMatchObject({ code: 0, stderr: "" })
  expect(await held()).toBe(before)
  expect(await cluster.get("clusterconnect/edge-1")).toMatchObject({ spec: { suspend: false } })
  expect(await sh(restore!)).toMatchObject({ code: 0 })
  expect(await held()).toBe(before)
})
