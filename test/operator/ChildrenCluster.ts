import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Either, Layer, Schema } from "effect"
import { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import { impersonationRoles, type PolicyRule } from "../../identity/impersonationRoles.ts"
import type { ChildrenInput } from "../../operator/children/ChildrenInput.ts"
import { childrenOf } from "../../operator/children/childrenOf.ts"
import { type ChildMemory, maintain } from "../../operator/children/maintain.ts"
import { childrenInput, writtenSpec } from "../../operator/children/testing/childrenInput.ts"
import { ApiServer } from "../../operator/kubernetes/ApiServer.ts"
import type { Kubernetes, KubernetesObject } from "../../operator/kubernetes/Kubernetes.ts"
import { kubernetesLayer } from "../../operator/kubernetes/kubernetesLayer.ts"
import { clusterRights, defaultNamespaceRights, namedClusterRights, namespaceRights } from "../../operator/rights.ts"
import type { Cluster } from "../cluster/Cluster.ts"
import type { Finished } from "../cluster/process/runProgram.ts"
import { prepareCluster, startCluster } from "../cluster/startCluster.ts"
import { eventually } from "../world/eventually.ts"

export const namespace = "clusterconnect"
const account = "operator"
const username = `system:serviceaccount:${namespace}:${account}`
type Written = typeof writtenSpec

/** A real API server that enforces Pod Security `restricted`, with an account that has the operator's rights and no other. */
export class ChildrenCluster {
  readonly cluster: Cluster
  /** Path of a kubeconfig with the operator's rights and no other. */
  readonly kubeconfig: string

  private constructor(cluster: Cluster, kubeconfig: string) {
    this.cluster = cluster
    this.kubeconfig = kubeconfig
  }

  static async start(): Promise<ChildrenCluster> {
    await prepareCluster({ level: "control-plane" })
    const cluster = await startCluster({
      level: "control-plane",
      auditLog: true,
      apiServerFlags: ["--enable-admission-plugins=OwnerReferencesPermissionEnforcement"],
    })
    await cluster.admin([
      "apply",
      `--filename=${fileURLToPath(new URL("../../crds/clusterconnect.yaml", import.meta.url))}`,
    ])
    await applied(cluster, [
      {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: namespace, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
      },
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: account, namespace } },
      ...impersonationRoles,
      ...granted("ClusterRole", [...clusterRights, ...namedClusterRights]),
      ...granted("Role", namespaceRights),
      ...granted("Role", defaultNamespaceRights, "default"),
    ])
    const token = (await cluster.admin(["create", "token", account, `--namespace=${namespace}`])).trim()
    return new ChildrenCluster(cluster, kubeconfig(cluster, token))
  }

  /** A resource in the cluster, and what its children are made of. */
  async resource(
    name: string,
    changes: Partial<Written> = {},
    input: Partial<Omit<ChildrenInput, "resource">> = {},
  ): Promise<ChildrenInput> {
    const spec = { ...writtenSpec, ...changes }
    const object = { apiVersion: "clusterconnect.dev/v1alpha1", kind: "ClusterConnect", metadata: { name }, spec }
    const stored = await eventually("the resource type is served", 60_000, async () => {
      const made = await applied(this.cluster, [object]).then(Either.right, Either.left)
      return Either.isRight(made) ? { done: made.right } : { seen: String(made.left) }
    })
    const [{ metadata, spec: filled }] = stored as [{ metadata: { uid: string }; spec: unknown }]
    return {
      ...childrenInput({}, { namespace, ...input }),
      resource: { name, uid: metadata.uid, spec: Schema.decodeUnknownSync(ClusterConnectSpec)(filled) },
    }
  }

  /** Runs with the operator's rights alone. */
  run<A, E>(effect: Effect.Effect<A, E, Kubernetes>): Promise<A> {
    const calls = kubernetesLayer.pipe(Layer.provide(ApiServer.layer(this.kubeconfig)))
    return Effect.runPromise(effect.pipe(Effect.provide(calls)))
  }

  /** kubectl with the operator's rights alone. */
  asOperator(args: readonly string[], input = ""): Promise<Finished> {
    return this.cluster.run(this.cluster.kubectl, [`--kubeconfig=${this.kubeconfig}`, ...args], { input })
  }

  /** What a pass has done. */
  pass(input: ChildrenInput, memory: ChildMemory) {
    return this.run(Effect.map(maintain(childrenOf(input), memory), ({ deployments: _, ...done }) => done))
  }

  /** `KIND/NAME` as kubectl has it. */
  async get(what: string): Promise<KubernetesObject | undefined> {
    const args = ["get", what, `--namespace=${namespace}`, "--ignore-not-found", "--output=json"]
    const text = await this.cluster.admin(args)
    return text === "" ? undefined : JSON.parse(text)
  }

  /** What somebody else does: a JSON patch (RFC 6902). */
  async patch(what: string, operations: readonly object[], ...more: readonly string[]): Promise<void> {
    const patch = `--patch=${JSON.stringify(operations)}`
    await this.cluster.admin(["patch", what, `--namespace=${namespace}`, "--type=json", patch, ...more])
  }

  /** `verb resource` of every request that the account made so far, in order. */
  requests(): readonly string[] {
    return readFileSync(this.cluster.auditLog!, "utf8")
      .split("\n")
      .filter((line) => line.includes(username))
      .map((line) => JSON.parse(line))
      .filter(({ user, stage }) => user.username === username && stage === "ResponseComplete")
      .map(({ verb, objectRef }) => `${verb} ${objectRef.resource}`)
  }

  writes(): readonly string[] {
    return this.requests().filter((request) => !/^(get|list|watch) /.test(request))
  }
}

const applied = async (cluster: Cluster, items: readonly object[]): Promise<unknown> => {
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items })
  const stored = JSON.parse(await cluster.admin(["apply", "--filename=-", "--output=json"], { input }))
  return stored.kind === "List" ? stored.items : [stored]
}

const granted = (kind: "ClusterRole" | "Role", rules: readonly PolicyRule[], where = namespace) => {
  const apiVersion = "rbac.authorization.k8s.io/v1"
  const metadata = { name: account, ...(kind === "Role" ? { namespace: where } : {}) }
  return [
    { apiVersion, kind, metadata, rules },
    {
      apiVersion,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: account },
      subjects: [{ kind: "ServiceAccount", name: account, namespace }],
    },
  ]
}

const kubeconfig = (cluster: Cluster, token: string): string => {
  const path = join(cluster.directory, `${account}.kubeconfig`)
  const ca = Buffer.from(cluster.caPem, "utf8").toString("base64")
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: account } }],
    clusters: [{ name: "c", cluster: { server: cluster.api.url, "certificate-authority-data": ca } }],
    users: [{ name: account, user: { token } }],
  }
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
  return path
}
