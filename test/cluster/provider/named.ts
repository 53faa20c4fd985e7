import { spawn } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { networkInterfaces, tmpdir } from "node:os"
import { join } from "node:path"
import type { Cluster } from "../Cluster.ts"
import { mustRun, runProgram } from "../process/runProgram.ts"
import { provideKubectl } from "../programs/kubectl.ts"
import { NotOffered, outsideCluster } from "./outsideCluster.ts"

/** The first provider: a cluster that the user names by a kubeconfig. Inside and outside are the same machine, this one. */
export async function startNamed(kubeconfigPath: string, onProgress: (line: string) => void): Promise<Cluster> {
  const kubectl = await provideKubectl(onProgress)
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-named-"))
  try {
    // A copy: a test must not be able to change the user's file.
    const copy = join(directory, "admin.kubeconfig")
    copyFileSync(kubeconfigPath, copy)
    const server = await mustRun(kubectl, [
      ...[`--kubeconfig=${copy}`, "config", "view", "--minify"],
      "--output=jsonpath={.clusters[0].cluster.server}",
    ])
    const url = new URL(server)
    return await outsideCluster({
      provider: "named",
      proves: `real Kubernetes at ${url.host}; nothing about isolation`,
      kubectl,
      adminKubeconfig: copy,
      outsideKubeconfig: copy,
      directory,
      api: { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 443) },
      insideAddress: "127.0.0.1",
      outsideAddress: ownAddress(),
      spawn: (name, args, options = {}) => spawn(name, args, options),
      run: runProgram,
      async importImage(archive) {
        throw new NotOffered(`a named cluster takes images from its registry only: ${archive} cannot be imported`)
      },
      async addAddressName(name) {
        throw new NotOffered(`the DNS of a named cluster is not changed: cannot add ${name}`)
      },
      async end() {},
    })
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
}

/** The first address of this machine that is not loopback: what pods of a cluster nearby can dial. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.find((one) => one.family === "IPv4" && !one.internal)?.address ?? "127.0.0.1"
}
