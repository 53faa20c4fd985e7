import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cgroupName, createCgroups } from "../instance/cgroups.ts"
import type { Instance } from "../instance/createInstance.ts"
import type { Daemon } from "../process/Daemon.ts"
import { type ClusterFiles, NODE_NAME } from "./clusterFiles.ts"
import { startInside } from "./startInside.ts"

/** Starts the kubelet on containerd's socket. */
export function startKubelet(instance: Instance, files: ClusterFiles, programs: string, socket: string): Daemon {
  createCgroups(instance.number)
  for (const name of ["kubelet", "kubelet-plugins", "pod-logs"]) mkdirSync(files.path(name))
  writeFileSync(files.path("kubelet.json"), JSON.stringify(configuration(instance, files, socket)))
  return startInside(instance, "kubelet", [
    join(programs, "kubelet"),
    `--config=${files.path("kubelet.json")}`,
    `--kubeconfig=${files.kubeconfig("kubelet")}`,
    `--hostname-override=${NODE_NAME}`,
    `--node-ip=${instance.range.inside}`,
    `--root-dir=${files.path("kubelet")}`,
    `--cert-dir=${files.path("pki")}`,
  ])
}

function configuration(instance: Instance, files: ClusterFiles, socket: string) {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: files.path("pki/ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: files.path("pki/kubelet.crt"),
    tlsPrivateKeyFile: files.path("pki/kubelet.key"),
    containerRuntimeEndpoint: `unix://${socket}`,
    clusterDNS: [instance.range.inside],
    clusterDomain: "cluster.local",
    resolvConf: files.path("resolv.conf"),
    podLogsDir: files.path("pod-logs"),
    volumePluginDir: files.path("kubelet-plugins"),
    // How soon a changed Secret or ConfigMap is in running pods; a minute by default.
    syncFrequency: "5s",
    // Machines with cgroup version 1 are still test machines.
    failCgroupV1: false,
    cgroupDriver: "cgroupfs",
    // Without a hierarchy per quality of service containers would land in /k8s.io, which all instances would share.
    cgroupsPerQOS: true,
    cgroupRoot: `/${cgroupName(instance.number)}`,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    // Tolerates sysctls and devices that a container of CI does not let it touch.
    featureGates: { KubeletInUserNamespace: true },
    makeIPTablesUtilChains: false,
    // A full disk of the test machine is no reason to evict pods.
    evictionHard: { "memory.available": "10Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
    imageGCHighThresholdPercent: 100,
  }
}
