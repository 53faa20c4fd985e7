import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Cluster } from "../Cluster.ts"
import { mustRun } from "../process/runProgram.ts"
import { buildPrograms } from "../programs/buildPrograms.ts"
import { fluxModule } from "../programs/modules.ts"
import { startBeside } from "./startBeside.ts"

/** Flux as `flux install` leaves it, with two of its controllers: what fetches and what applies. */
export interface Flux {
  /** Where its objects are in the tests; the controllers follow every namespace. */
  readonly namespace: string
  /**
   * What `flux reconcile` does: asks for the object ("ocirepository/app") to be looked at now, and returns when that
   * look has ended, however it did.
   */
  reconcile(object: string): Promise<void>
}

const NAMESPACE = "flux-system"
/** Both open their caches over 20 types on a machine that may be busy. */
const START_MILLIS = 60_000
/** A Kustomization with `wait` waits for pods that start anew. */
const RECONCILE_TIMEOUT = "180s"

/** Modules of the controllers, whose CRDs lie in their sources. */
const CRD_SOURCES = ["github.com/fluxcd/source-controller", "github.com/fluxcd/kustomize-controller"]

/** Starts source-controller and kustomize-controller inside, as cluster admin (what Flux's own installation binds them to). */
export async function startFlux(cluster: Cluster, onProgress: (line: string) => void): Promise<Flux> {
  const names = fluxModule.programs.map(({ name }) => name)
  const programs = await buildPrograms(fluxModule, names, onProgress)
  const crds = (await Promise.all(CRD_SOURCES.map(crdDirectory))).map((directory) => `--filename=${directory}`)
  await cluster.admin(["apply", "--server-side", ...crds])
  await cluster.admin(["wait", "--for=condition=Established", "--timeout=60s", ...crds])
  await cluster.admin(["create", "namespace", NAMESPACE])

  const directory = join(cluster.directory, "flux")
  const folder = (name: string) => {
    mkdirSync(join(directory, name), { recursive: true })
    return join(directory, name)
  }
  const start = async (name: string, follows: string, ports: Ports, flags: readonly string[]) => {
    const env = {
      ...process.env,
      KUBECONFIG: cluster.adminKubeconfig,
      RUNTIME_NAMESPACE: NAMESPACE,
      TMPDIR: folder(`${name}-tmp`),
    }
    const command = [
      join(programs, name),
      ...["--enable-leader-election=false", `--health-addr=127.0.0.1:${ports.health}`],
      ...[`--metrics-addr=127.0.0.1:${ports.metrics}`, ...flags],
    ]
    const daemon = startBeside(cluster, name, command, env)
    await daemon.until(`its workers for ${follows}`, START_MILLIS, async () => {
      const lines = readFileSync(daemon.logFile, "utf8").split("\n")
      return lines.some((line) => line.includes("Starting workers") && line.includes(`"${follows}"`)) ? true : undefined
    })
  }
  const storage = "127.0.0.1:9790"
  await Promise.all([
    start("source-controller", "ocirepository", { health: 9440, metrics: 9441 }, [
      `--storage-path=${folder("storage")}`,
      ...[`--storage-addr=${storage}`, `--storage-adv-addr=${storage}`],
    ]),
    start("kustomize-controller", "kustomization", { health: 9442, metrics: 9443 }, ["--requeue-dependency=1s"]),
  ])
  let asked = 0
  return {
    namespace: NAMESPACE,
    async reconcile(object) {
      const request = `test-${++asked}`
      const at = ["--namespace", NAMESPACE, object]
      await cluster.admin(["annotate", "--overwrite", ...at, `reconcile.fluxcd.io/requestedAt=${request}`])
      await cluster.admin([
        ...["wait", ...at, `--for=jsonpath={.status.lastHandledReconcileAt}=${request}`],
        `--timeout=${RECONCILE_TIMEOUT}`,
      ])
    },
  }
}

interface Ports {
  readonly health: number
  readonly metrics: number
}

async function crdDirectory(module: string): Promise<string> {
  const told = await mustRun("go", ["mod", "download", "-json", module], { cwd: fluxModule.directory })
  return join((JSON.parse(told) as { Dir: string }).Dir, "config/crd/bases")
}
