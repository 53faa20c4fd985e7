import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { addPlainRegistry } from "../built/containerd.ts"
import type { Cluster } from "../Cluster.ts"
import { ProgramFailed } from "../process/runProgram.ts"
import { buildPrograms } from "../programs/buildPrograms.ts"
import { registryModule } from "../programs/modules.ts"
import { startBeside } from "./startBeside.ts"

/** A container registry inside, in plain HTTP: the node, pods and programs inside reach it, nobody outside does. */
export interface Registry {
  /** "10.89.1.2:5000": what references begin with. */
  readonly host: string
  /**
   * Pushes an OCI image layout directory that holds one image, or one index of images for several platforms, under a
   * name with a tag ("clusterconnect:1"). Returns the reference by digest: "10.89.1.2:5000/clusterconnect@sha256:…".
   */
  push(layout: string, name: string): Promise<string>
  /** Pushes a tar archive as an artifact of one gzipped layer, as `flux push artifact` does; returns the reference by digest. */
  pushArchive(archive: string, name: string): Promise<string>
}

/** The namespace is the cluster's own, and nobody else there uses the port that registries are known by. */
const PORT = 5000
const START_MILLIS = 30_000

/** Starts a registry that containerd is told of. It ends with the cluster; what was pushed goes with the cluster's directory. */
export async function startRegistry(cluster: Cluster, onProgress: (line: string) => void): Promise<Registry> {
  const crane = join(await buildPrograms(registryModule, ["crane"], onProgress), "crane")
  const host = `${cluster.insideAddress}:${PORT}`
  const blobs = join(cluster.directory, "registry")
  mkdirSync(blobs)
  const daemon = startBeside(cluster, "registry", [
    ...[crane, "registry", "serve", `--address=${host}`, `--disk=${blobs}`],
  ])
  await daemon.until("its port", START_MILLIS, async () =>
    readFileSync(daemon.logFile, "utf8").includes("serving on port") ? true : undefined,
  )
  addPlainRegistry(cluster.directory, host)
  const run = async (args: readonly string[]) => {
    const finished = await cluster.run(crane, args)
    if (finished.code !== 0) throw new ProgramFailed(crane, args, `exit code ${finished.code}`, finished)
    return finished.stdout.trim()
  }
  return {
    host,
    push: (layout, name) => run(["push", "--insecure", layout, `${host}/${name}`]),
    pushArchive: (archive, name) =>
      run(["append", "--insecure", "--oci-empty-base", `--new_layer=${archive}`, `--new_tag=${host}/${name}`]),
  }
}
