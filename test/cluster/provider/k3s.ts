import type { ChildProcess, SpawnOptions } from "node:child_process"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import type { StartedK3sContainer } from "@testcontainers/k3s"
import { addHostName } from "../built/hostNames.ts"
import type { Cluster } from "../Cluster.ts"
import { runProgram } from "../process/runProgram.ts"
import { provideKubectl } from "../programs/kubectl.ts"
import { type OutsideCluster, outsideCluster } from "./outsideCluster.ts"

/** Same minor version as what the third provider builds; CLUSTERCONNECT_TEST_K3S_IMAGE names another. */
const K3S_IMAGE = "rancher/k3s:v1.37.2-k3s1"
/** Where the programs of tests run: k3s' own image has no C library for them. */
const HOST_IMAGE = "debian:bookworm-slim"
const CHECKOUT = join(import.meta.dir, "../../..")
const HOST_NAME = "host.docker.internal"

/** k3s runs, and something in its container does not do what this harness needs. */
export class K3sFailed extends Error {
  override readonly name = "K3sFailed"
}

/** A Docker socket answers at once or is not there; the user hears of the choice within two seconds. */
const ENGINE_MILLIS = 1_200

/** Undefined when a Docker engine answers and the image is there or could be pulled; else why not. */
export async function k3sUnavailable(onProgress: (line: string) => void): Promise<string | undefined> {
  const { getContainerRuntimeClient, ImageName } = await import("testcontainers")
  const client = await within(ENGINE_MILLIS, getContainerRuntimeClient()).catch(firstLine)
  if (typeof client === "string") return `no Docker engine answers (${client})`
  const image = ImageName.fromString(k3sImage())
  try {
    if (await client.image.exists(image)) return undefined
    onProgress(`a Docker engine answers: pulling ${image.string}`)
    await client.image.pull(image)
    return undefined
  } catch (error) {
    return `the image ${image.string} is not there and cannot be pulled (${firstLine(error)})`
  }
}

/** The second provider. Programs of tests run in a helper container that shares the k3s container's network. */
export async function startK3s(onProgress: (line: string) => void): Promise<Cluster> {
  const kubectl = await provideKubectl(onProgress)
  // Its reaper container needs a socket that rootless engines do not give; stop() and a finished process clean up.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= "true"
  const { K3sContainer } = await import("@testcontainers/k3s")
  const start = performance.now()
  const container = await new K3sContainer(k3sImage())
    .withExtraHosts([{ host: HOST_NAME, ipAddress: "host-gateway" }])
    .start()
  onProgress(`k3s is ready after ${((performance.now() - start) / 1000).toFixed(1)} s`)
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-k3s-"))
  try {
    return await fromContainer(container, directory, kubectl)
  } catch (error) {
    await container.stop()
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
}

async function fromContainer(container: StartedK3sContainer, directory: string, kubectl: string): Promise<Cluster> {
  const hosts = join(directory, "hosts")
  writeFileSync(hosts, "127.0.0.1 localhost\n")
  const outsideKubeconfig = join(directory, "outside.kubeconfig")
  writeFileSync(outsideKubeconfig, container.getKubeConfig(), { mode: 0o600 })
  const adminKubeconfig = join(directory, "admin.kubeconfig")
  writeFileSync(adminKubeconfig, container.getAliasedKubeConfig("127.0.0.1"), { mode: 0o600 })

  const command = (name: string, args: readonly string[], env: NodeJS.ProcessEnv | undefined): readonly string[] => [
    ...["run", "--rm", "--interactive", "--init", "--network", `container:${container.getId()}`],
    ...["--volume", `${CHECKOUT}:${CHECKOUT}:ro`, "--volume", `${directory}:${directory}`],
    ...["--volume", `${hosts}:/etc/hosts:ro`, "--volume", `${kubectl}:${kubectl}:ro`],
    ...Object.entries(env ?? {}).flatMap(([key, value]) => ["--env", `${key}=${value ?? ""}`]),
    ...[HOST_IMAGE, name, ...args],
  ]
  const parts: OutsideCluster = {
    provider: "k3s",
    proves: "real Kubernetes (k3s in a container); its API server's port is published, so nothing about isolation",
    kubectl,
    adminKubeconfig,
    outsideKubeconfig,
    directory,
    api: { host: "127.0.0.1", port: 6443 },
    insideAddress: container.getIpAddress(container.getNetworkNames()[0] ?? "bridge"),
    outsideAddress: await hostAddress(container),
    spawn(name, args, options: SpawnOptions = {}): ChildProcess {
      const { env, ...rest } = options
      return spawn("docker", command(name, args, env), rest)
    },
    run(name, args, options = {}) {
      const { env, ...rest } = options
      return runProgram("docker", command(name, args, env), rest)
    },
    async importImage(archive) {
      const target = `/tmp/${basename(archive)}`
      await container.copyFilesToContainer([{ source: archive, target }])
      const { exitCode, output } = await container.exec(["ctr", "--namespace", "k8s.io", "images", "import", target])
      if (exitCode !== 0) throw new K3sFailed(`k3s cannot import ${archive}: ${output}`)
    },
    async addAddressName(name, address, admin) {
      await addHostName(hosts, name, address)
      const server = `${name}:53 {\n  hosts {\n    ${address} ${name}\n  }\n}\n`
      // k3s' CoreDNS imports *.server of this ConfigMap and reloads itself.
      const data = { [`${name}.server`]: server }
      const metadata = { name: "coredns-custom", namespace: "kube-system" }
      const input = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data })
      await admin(["apply", "--server-side", `--field-manager=${name}`, "--filename=-"], { input })
    },
    async end() {
      await container.stop()
    },
  }
  return outsideCluster(parts)
}

async function hostAddress(container: StartedK3sContainer): Promise<string> {
  const { output } = await container.exec(["cat", "/etc/hosts"])
  const line = output.split("\n").find((candidate) => candidate.split(/\s+/).slice(1).includes(HOST_NAME))
  const address = line?.split(/\s+/)[0]
  if (address === undefined)
    throw new K3sFailed(`the engine gave ${HOST_NAME} no address: Docker 20.10 or newer is needed`)
  return address
}

function k3sImage(): string {
  return process.env.CLUSTERCONNECT_TEST_K3S_IMAGE || K3S_IMAGE
}

function within<A>(millis: number, promise: Promise<A>): Promise<A> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${millis} ms`)), millis)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? ""
}
