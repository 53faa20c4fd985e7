import { join } from "node:path"
import { mustRun } from "../process/runProgram.ts"
import { buildPrograms } from "./buildPrograms.ts"
import { type KubernetesVersion, parseKubernetesVersion, withinOneMinor } from "./kubernetesVersion.ts"
import { KUBERNETES_VERSION, kubernetesModule } from "./modules.ts"

/** CLUSTERCONNECT_KUBECTL names a program that is no kubectl within one minor version of the cluster. */
export class UnsuitableKubectl extends Error {
  override readonly name = "UnsuitableKubectl"
}

export interface KubectlChoice {
  /** Undefined: to be built. */
  readonly path: string | undefined
  /** Why this one, for a progress line. */
  readonly reason: string
}

/** A kubectl that hangs (a wrapper that asks something) is not one. */
const VERSION_MILLIS = 5_000

/** CLUSTERCONNECT_KUBECTL, else one on the PATH within one minor version, else none: build it. */
export async function chooseKubectl(
  environment: NodeJS.ProcessEnv = process.env,
  versionOf: (path: string) => Promise<KubernetesVersion | undefined> = kubectlVersion,
): Promise<KubectlChoice> {
  const wanted = parseKubernetesVersion(KUBERNETES_VERSION)!
  const named = environment.CLUSTERCONNECT_KUBECTL
  if (named !== undefined && named !== "") {
    const version = await versionOf(named)
    if (version !== undefined && withinOneMinor(version, wanted))
      return { path: named, reason: "CLUSTERCONNECT_KUBECTL" }
    throw new UnsuitableKubectl(
      `CLUSTERCONNECT_KUBECTL names ${named}, which ${found(version)}; expected a version within one minor of ${KUBERNETES_VERSION}: name another one or unset it`,
    )
  }
  const onPath = Bun.which("kubectl", { PATH: environment.PATH ?? "" })
  if (onPath === null) return { path: undefined, reason: "no kubectl on the PATH" }
  const version = await versionOf(onPath)
  return version !== undefined && withinOneMinor(version, wanted)
    ? { path: onPath, reason: `on the PATH, ${version.major}.${version.minor}` }
    : { path: undefined, reason: `${onPath} ${found(version)}, not within one minor of ${KUBERNETES_VERSION}` }
}

/** Path of a suitable kubectl, built if there is no other. */
export async function provideKubectl(onProgress: (line: string) => void): Promise<string> {
  const choice = await chooseKubectl()
  if (choice.path !== undefined) return choice.path
  return join(await buildPrograms(kubernetesModule, ["kubectl"], onProgress), "kubectl")
}

/** The client version that the program itself states; undefined when it does not. */
async function kubectlVersion(path: string): Promise<KubernetesVersion | undefined> {
  try {
    const text = await mustRun(path, ["version", "--client", "--output=json"], { timeoutMillis: VERSION_MILLIS })
    const answer = JSON.parse(text) as { clientVersion?: { gitVersion?: string } }
    return parseKubernetesVersion(answer.clientVersion?.gitVersion ?? "")
  } catch {
    return undefined
  }
}

function found(version: KubernetesVersion | undefined): string {
  return version === undefined ? "does not say its version" : `is version ${version.major}.${version.minor}`
}
