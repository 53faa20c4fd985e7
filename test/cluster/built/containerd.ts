import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { PAUSE_IMAGE, writeBusyboxImage, writePauseImage } from "../image/testImages.ts"
import { type Instance, POD_RANGE } from "../instance/createInstance.ts"
import { mustRun } from "../process/runProgram.ts"
import { startInside } from "./startInside.ts"

export interface ContainerRuntime {
  /** Unix socket of the CRI. */
  readonly socket: string
  readonly importImage: (archive: string) => Promise<void>
}

/** containerd loads its plugins and opens its database in half a second. */
const START_MILLIS = 30_000

/** Starts containerd with runc and the CNI plugins of the same directory, and loads the pause and the busybox image. */
export async function startContainerd(instance: Instance, programs: string): Promise<ContainerRuntime> {
  const path = (name: string) => join(instance.directory, name)
  const socket = path("containerd.sock")
  for (const name of ["cni", "registries", "images"]) mkdirSync(path(name))
  writeFileSync(path("cni/10-pods.conflist"), networkConfiguration(path("cni-addresses")))
  writeFileSync(path("containerd.toml"), configuration({ path, programs, socket }))
  const daemon = startInside(
    instance,
    "containerd",
    [join(programs, "containerd"), "--config", path("containerd.toml")],
    // containerd looks for its shim on the PATH.
    { ...process.env, PATH: `${programs}:${process.env.PATH ?? ""}` },
  )
  const importImage = async (archive: string) => {
    await mustRun(join(programs, "ctr"), ["--address", socket, "--namespace", "k8s.io", "images", "import", archive])
  }
  await writePauseImage(path("images/pause.tar"))
  await writeBusyboxImage(path("images/busybox.tar"))
  await daemon.until("its socket", START_MILLIS, async () => (existsSync(socket) ? true : undefined))
  await importImage(path("images/pause.tar"))
  await importImage(path("images/busybox.tar"))
  return { socket, importImage }
}

function configuration(options: {
  readonly path: (name: string) => string
  readonly programs: string
  readonly socket: string
}): string {
  const { path, programs, socket } = options
  const text = JSON.stringify
  const runtime = `plugins."io.containerd.cri.v1.runtime"`
  const images = `plugins."io.containerd.cri.v1.images"`
  return `version = 3
root = ${text(path("containerd"))}
state = ${text("/run/containerd")}
[grpc]
  address = ${text(socket)}
[${runtime}]
  # Without CAP_SYS_RESOURCE no process may lower its OOM score.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[${runtime}.cni]
  bin_dirs = [${text(programs)}]
  conf_dir = ${text(path("cni"))}
[${runtime}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${runtime}.containerd.runtimes.runc.options]
  BinaryName = ${text(join(programs, "runc"))}
  SystemdCgroup = false
[${images}.pinned_images]
  sandbox = ${text(PAUSE_IMAGE)}
[${images}.registry]
  config_path = ${text(path("registries"))}
`
}

/**
 * Each pod on a link of its own (ptp), routed: with a bridge, answers between two pods of a node bypass the address
 * translation of Services unless the kernel has br_netfilter.
 */
function networkConfiguration(addresses: string): string {
  const ipam = {
    type: "host-local",
    dataDir: addresses,
    ranges: [[{ subnet: POD_RANGE }]],
    routes: [{ dst: "0.0.0.0/0" }],
  }
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      { type: "ptp", ipam },
      { type: "portmap", backend: "nftables", capabilities: { portMappings: true } },
    ],
  })
}

/** Lets containerd take images of `registry` ("10.89.1.1:5000") from a plain-text server of the tests. */
export function addPlainRegistry(directory: string, registry: string): void {
  const file = join(directory, "registries", registry, "hosts.toml")
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `[host."http://${registry}"]\n  capabilities = ["pull", "resolve"]\n`)
}
