import { spawn } from "node:child_process"
import type { Cluster, ClusterOptions } from "../Cluster.ts"
import { insideCommand } from "../instance/anchor.ts"
import { createInstance, type Instance } from "../instance/createInstance.ts"
import { droppedPackets } from "../instance/firewall.ts"
import { mustRun, runProgram } from "../process/runProgram.ts"
import { provideKubectl } from "../programs/kubectl.ts"
import { probeInbound } from "../provider/probeInbound.ts"
import { buildAll } from "./buildAll.ts"
import { API_PORT, type ClusterFiles, writeClusterFiles } from "./clusterFiles.ts"
import { type ContainerRuntime, startContainerd } from "./containerd.ts"
import { type ControlPlane, startControlPlane } from "./controlPlane.ts"
import { addHostName } from "./hostNames.ts"
import { startNode } from "./node.ts"

/** A level of the cluster was used that it does not have. */
export class NoNode extends Error {
  override readonly name = "NoNode"
}

/** The third provider: Kubernetes from Go modules in a network namespace of its own. Linux, root, Go. */
export async function startBuilt(options: ClusterOptions, onProgress: (line: string) => void): Promise<Cluster> {
  const programs = await buildAll(options.level, onProgress)
  const kubectl = await provideKubectl(onProgress)
  const instance = await createInstance({
    name: options.name ?? process.argv[1] ?? "cluster",
    level: options.level,
    closed: options.closed === true,
    detached: options.detached === true,
    onProgress,
  })
  try {
    const start = performance.now()
    const files = await writeClusterFiles(instance)
    const [controlPlane, runtime] = await Promise.all([
      startControlPlane(instance, files, programs.control, options),
      programs.node === undefined ? undefined : startContainerd(instance, programs.node.runtime),
    ])
    onProgress(`cluster ${instance.number}: API server ready after ${seconds(start)} s`)
    if (programs.node !== undefined && runtime !== undefined) {
      await startNode(instance, files, programs.node, runtime, controlPlane.get)
      onProgress(`cluster ${instance.number}: node ready after ${seconds(start)} s`)
    }
    return cluster({ options, instance, files, controlPlane, runtime, kubectl })
  } catch (error) {
    await instance.end()
    throw error
  }
}

function cluster(parts: {
  readonly options: ClusterOptions
  readonly instance: Instance
  readonly files: ClusterFiles
  readonly controlPlane: ControlPlane
  readonly runtime: ContainerRuntime | undefined
  readonly kubectl: string
}): Cluster {
  const { options, instance, files, controlPlane, runtime, kubectl } = parts
  const { inside, outside } = instance.range
  const command = (name: string, args: readonly string[]) =>
    insideCommand(instance.namespace, instance.directory, [name, ...args])
  const run: Cluster["run"] = (name, args, runOptions) => {
    const [program, ...rest] = command(name, args)
    return runProgram(program, rest, runOptions)
  }
  let ended: Promise<void> | undefined
  const stop = () => {
    ended ??= instance.end()
    return ended
  }
  const closed = options.closed === true
  return {
    provider: "built",
    level: options.level,
    isolated: closed,
    proves: closed
      ? "real Kubernetes in a network namespace of its own; every new inbound connection was dropped throughout"
      : "real Kubernetes in a network namespace of its own; inbound connections were possible",
    api: { host: inside, port: API_PORT, url: `https://${inside}:${API_PORT}` },
    caPem: files.caPem,
    adminKubeconfig: files.kubeconfig("admin"),
    outsideKubeconfig: controlPlane.outsideKubeconfig,
    adminSocket: controlPlane.adminSocket,
    kubectl,
    auditLog: controlPlane.auditLog,
    namespace: instance.namespace,
    insideAddress: inside,
    outsideAddress: outside,
    directory: instance.directory,
    spawn(name, args, spawnOptions = {}) {
      const [program, ...rest] = command(name, args)
      return spawn(program, rest, spawnOptions)
    },
    run,
    admin(args, runOptions) {
      const [program, ...rest] = command(kubectl, [`--kubeconfig=${files.kubeconfig("admin")}`, ...args])
      return mustRun(program, rest, runOptions)
    },
    importImage(archive) {
      if (runtime === undefined) throw new NoNode(`a ${options.level} cluster runs no pods: start level "node"`)
      return runtime.importImage(archive)
    },
    addAddressName: (name, address) => addHostName(files.path("hosts"), name, address),
    killApiServer: controlPlane.killApiServer,
    startApiServer: controlPlane.startApiServer,
    probeInbound: () => probeInbound(inside, API_PORT, run),
    droppedPackets: () => droppedPackets(instance.namespace),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function seconds(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1)
}
