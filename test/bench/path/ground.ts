import { spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createAuthority } from "../../cluster/credentials/CertificateAuthority.ts"
import { mustRun, runProgram } from "../../cluster/process/runProgram.ts"
import { prefixed } from "../../world/ours.ts"
import { follow, listening, type Program } from "../../world/Program.ts"
import type { Path, Target } from "./Target.ts"

/** Where the cluster's side runs: behind a link, or here. */
export interface Place {
  /** The client's and relay's address as the cluster's side dials it. */
  readonly near: string
  /** The cluster's side as seen from the client; the same machine without a link. */
  readonly far: string
  readonly within: readonly string[]
}

/** Both sides on this machine, joined by loopback; an address of its own, because issuers on 127.0.0.1 are refused. */
export const startHere = async (stack: AsyncDisposableStack): Promise<Place> => {
  const address = `10.99.${process.pid % 250}.1`
  await mustRun("ip", ["address", "replace", `${address}/32`, "dev", "lo"])
  stack.defer(async () => void (await runProgram("ip", ["address", "delete", `${address}/32`, "dev", "lo"])))
  return { near: address, far: address, within: [] }
}

/** The stub of the API server, and the two ways to it that everything is compared with. */
export interface Ground {
  readonly place: Place
  readonly directory: string
  readonly start: (
    name: string,
    command: string,
    args: readonly string[],
    far: boolean,
    env?: NodeJS.ProcessEnv,
  ) => Program
  readonly stubPort: number
  /** What all uploads have brought to the stub, at most a second ago. */
  readonly uploadedBytes: () => number
  readonly caFile: string
  readonly caPem: string
  readonly certificate: { readonly certFile: string; readonly keyFile: string }
  /** Plain TCP and TLS to the stub. */
  readonly direct: Path
}

export const startGround = async (stack: AsyncDisposableStack, place: Place): Promise<Ground> => {
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-bench-"))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const authority = await createAuthority("authority of the benches")
  const served = await authority.issue({ commonName: "bench", servedAs: ["127.0.0.1", place.near, place.far] })
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  const certFile = write("bench.crt", served.certificatePem)
  const keyFile = write("bench.key", served.keyPem)
  const caFile = write("ca.crt", authority.certificatePem)
  const start: Ground["start"] = (name, command, args, far, env = {}) => {
    const [program, rest] = prefixed(far ? place.within : [], command, args)
    const home = { HOME: directory, XDG_CONFIG_HOME: directory, XDG_STATE_HOME: directory, XDG_CACHE_HOME: directory }
    const started = follow(
      name,
      spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...home, ...env } }),
    )
    stack.defer(async () => void (await started.stop()))
    return started
  }
  const script = join(import.meta.dir, "stub.ts")
  const stub = start("stub", process.execPath, [script, certFile, keyFile, "0.0.0.0"], true)
  const { port } = await listening(stub, "stub")
  const target: Target = { host: place.far, port, ca: authority.certificatePem }
  return {
    place,
    directory,
    start,
    stubPort: port,
    uploadedBytes: () => {
      const line = stub.log.findLast((text) => text.includes('"uploaded"'))
      return line === undefined ? 0 : (JSON.parse(line) as { bytes: number }).bytes
    },
    caFile,
    caPem: authority.certificatePem,
    certificate: { certFile, keyFile },
    direct: { name: "direct", target, pids: () => ({}) },
  }
}

export const freePort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
