import { join } from "node:path"
import type { Cluster } from "../Cluster.ts"
import { ProgramFailed, type RunOptions } from "../process/runProgram.ts"
import { buildPrograms } from "../programs/buildPrograms.ts"
import { helmModule } from "../programs/modules.ts"

/** Helm 4 inside, as cluster admin, with settings of its own; returns its standard output, throws ProgramFailed for an exit code. */
export type Helm = (args: readonly string[], options?: RunOptions) => Promise<string>

/** The path of helm 4, built if it is not there yet. */
export const buildHelm = async (onProgress: (line: string) => void): Promise<string> =>
  join(await buildPrograms(helmModule, ["helm"], onProgress), "helm")

export async function provideHelm(cluster: Cluster, onProgress: (line: string) => void): Promise<Helm> {
  const helm = await buildHelm(onProgress)
  const own = (name: string) => join(cluster.directory, "helm", name)
  const settings = {
    KUBECONFIG: cluster.adminKubeconfig,
    HELM_CACHE_HOME: own("cache"),
    HELM_CONFIG_HOME: own("config"),
    HELM_DATA_HOME: own("data"),
  }
  return async (args, options = {}) => {
    const env = { ...process.env, ...options.env, ...settings }
    const finished = await cluster.run(helm, args, { ...options, env })
    if (finished.code !== 0) throw new ProgramFailed("helm", args, `exit code ${finished.code}`, finished)
    return finished.stdout
  }
}
