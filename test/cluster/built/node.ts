import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Instance, POD_RANGE } from "../instance/createInstance.ts"
import type { Daemon } from "../process/Daemon.ts"
import { runProgram } from "../process/runProgram.ts"
import type { AdminGet } from "./adminGet.ts"
import { type ClusterFiles, KUBERNETES_SERVICE_ADDRESS, NODE_NAME } from "./clusterFiles.ts"
import type { ContainerRuntime } from "./containerd.ts"
import { startDns } from "./dns.ts"
import { startKubelet } from "./kubelet.ts"
import { startInside } from "./startInside.ts"

/** Ten seconds on two idle cores. */
const READY_MILLIS = 120_000

/** Directories of the programs of the two modules. */
export interface NodePrograms {
  readonly kubernetes: string
  readonly coredns: string
}

/** Starts what makes pods run; returns when a pod can be created and Services answer. */
export async function startNode(
  instance: Instance,
  files: ClusterFiles,
  programs: NodePrograms,
  runtime: ContainerRuntime,
  get: AdminGet,
): Promise<void> {
  const controllers = startInside(instance, "kube-controller-manager", [
    join(programs.kubernetes, "kube-controller-manager"),
    `--kubeconfig=${files.kubeconfig("controller-manager")}`,
    `--service-account-private-key-file=${files.path("pki/service-account.key")}`,
    `--root-ca-file=${files.path("pki/ca.crt")}`,
    `--cert-dir=${files.path("pki")}`,
    "--use-service-account-credentials",
    "--leader-elect=false",
    "--bind-address=127.0.0.1",
  ])
  startInside(instance, "kube-scheduler", [
    join(programs.kubernetes, "kube-scheduler"),
    `--kubeconfig=${files.kubeconfig("scheduler")}`,
    `--cert-dir=${files.path("pki")}`,
    "--leader-elect=false",
    "--bind-address=127.0.0.1",
  ])
  const proxy = startProxy(instance, files, programs.kubernetes)
  const kubelet = startKubelet(instance, files, programs.kubernetes, runtime.socket)
  await Promise.all([
    startDns(instance, files, programs.coredns),
    kubelet.until("a node that takes pods", READY_MILLIS, async () =>
      takesPods(await get(`/api/v1/nodes/${NODE_NAME}`)),
    ),
    controllers.until("the default service account", READY_MILLIS, () =>
      get("/api/v1/namespaces/default/serviceaccounts/default"),
    ),
    proxy.until("the Service kubernetes", READY_MILLIS, () => servesKubernetes(instance.namespace)),
  ])
}

function startProxy(instance: Instance, files: ClusterFiles, programs: string): Daemon {
  const configuration = {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    clusterCIDR: POD_RANGE,
    hostnameOverride: NODE_NAME,
    clientConnection: { kubeconfig: files.kubeconfig("proxy") },
    // The connection table's size is the machine's, not a namespace's.
    conntrack: { maxPerCore: 0 },
    healthzBindAddress: "127.0.0.1:10256",
    metricsBindAddress: "127.0.0.1:10249",
  }
  writeFileSync(files.path("kube-proxy.json"), JSON.stringify(configuration))
  const command = [join(programs, "kube-proxy"), `--config=${files.path("kube-proxy.json")}`]
  return startInside(instance, "kube-proxy", command)
}

/** Ready, and no taint that keeps pods away. */
function takesPods(body: string | undefined): true | undefined {
  if (body === undefined) return undefined
  const node = JSON.parse(body) as {
    spec: { taints?: unknown[] }
    status: { conditions?: { type: string; status: string }[] }
  }
  const ready = node.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True")
  return ready === true && (node.spec.taints ?? []).length === 0 ? true : undefined
}

async function servesKubernetes(namespace: string): Promise<true | undefined> {
  const list = ["netns", "exec", namespace, "nft", "list", "map", "ip", "kube-proxy", "service-ips"]
  const { code, stdout } = await runProgram("ip", list)
  return code === 0 && stdout.includes(KUBERNETES_SERVICE_ADDRESS) ? true : undefined
}
