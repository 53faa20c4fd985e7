import { mkdirSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer, isIPv6 } from "node:net"
import { join } from "node:path"
import { setTimeout as after } from "node:timers/promises"
import { createAuthority } from "../cluster/credentials/CertificateAuthority.ts"
import { mustRun } from "../cluster/process/runProgram.ts"
import { type IdentityProvider, startIdentityProvider } from "../idp/IdentityProvider.ts"
import { ours } from "./ours.ts"
import { listening, type Program } from "./Program.ts"
import { type Recorder, startRecorder } from "./Recorder.ts"
import { relayConfiguration } from "./relayConfiguration.ts"
import type { Starter } from "./Starter.ts"

/** What no cluster has inside: the identity provider, the relay, and a recorder that ends the TLS of both sides before it. */
export interface Outside {
  readonly identityProvider: IdentityProvider
  readonly relayUrl: string
  /** The relay that runs now. */
  readonly relay: Program
  /** Ends it by the signal and starts the next one, after `downMillis`; resolves when that listens. */
  restartRelay(signal: NodeJS.Signals, downMillis?: number): Promise<void>
  /** A command on the relay's host, as `["token", "create", "edge-1"]`: its standard output. */
  relayCommand(args: readonly string[]): Promise<string>
  readonly recorder: Recorder
  /** PEM file of the authority of relay and recorder. */
  readonly caFile: string
  /** The relay's configuration, database and logs lie in `relay` below it. */
  readonly directory: string
}

export interface OutsideOptions {
  /** The address that clusters and users dial. */
  readonly host: string
  readonly directory: string
  /** Clusters, or patterns of their names, that everybody of the issuer may connect to. */
  readonly clusters: readonly string[]
  /** The relay's database and logs lie on a disk of this size of their own, which can be filled. */
  readonly relayDiskBytes?: number
  /** False: the relay itself speaks TLS to both sides, and nobody records what it sees. */
  readonly recorded?: boolean
  readonly onProgress: (line: string) => void
}

/** Starts it; `stack` undoes it. */
export const startOutside = async (
  stack: AsyncDisposableStack,
  programs: Starter,
  options: OutsideOptions,
): Promise<Outside> => {
  const { host, directory, onProgress } = options
  const identityProvider = await startIdentityProvider({ listenHost: host })
  stack.defer(async () => void (await identityProvider.stop()))
  onProgress(`identity provider: ${identityProvider.issuer}`)

  const authority = await createAuthority("relay authority of the tests")
  const served = await authority.issue({ commonName: "relay", servedAs: [host] })
  const caFile = write(join(directory, "relay-ca.crt"), authority.certificatePem)
  write(join(directory, "idp-ca.crt"), identityProvider.caPem)

  let relayAddress = { host: "127.0.0.1", port: 0 }
  const recorder = await startRecorder({
    host,
    port: 0,
    certificatePem: served.certificatePem,
    keyPem: served.keyPem,
    relay: () => relayAddress,
    file: join(directory, "relay-saw"),
  })
  stack.defer(async () => void (await recorder.stop()))
  const own = options.recorded === false ? await freePort(host) : undefined
  const inUrl = isIPv6(host) ? `[${host}]` : host
  const relayUrl = `https://${inUrl}:${own ?? recorder.port}`

  const relayDirectory = join(directory, "relay")
  mkdirSync(relayDirectory, { mode: 0o700 })
  if (options.relayDiskBytes !== undefined) {
    await mustRun("mount", ["-t", "tmpfs", "-o", `size=${options.relayDiskBytes},mode=0700`, "tmpfs", relayDirectory])
    stack.defer(async () => void (await mustRun("umount", ["--lazy", relayDirectory])))
  }
  const configuration = write(
    join(relayDirectory, "config.yaml"),
    relayConfiguration({
      relayUrl,
      directory: relayDirectory,
      issuer: identityProvider.issuer,
      idpCa: identityProvider.caPem,
      clusters: options.clusters,
      ...(own === undefined
        ? {}
        : {
            served: {
              listen: `${inUrl}:${own}`,
              certFile: write(join(relayDirectory, "relay.crt"), served.certificatePem),
              keyFile: write(join(relayDirectory, "relay.key"), served.keyPem),
            },
          }),
    }),
  )
  const startRelay = async () => {
    const started = programs.outside("relay", "clusterconnect-relay", ["serve", "--config", configuration])
    relayAddress = await listening(started, "public")
    return started
  }
  let relay = await startRelay()
  onProgress(`relay: ${relayUrl} (pid ${relay.pid})`)
  return {
    identityProvider,
    relayUrl,
    get relay() {
      return relay
    },
    async restartRelay(signal, downMillis = 0) {
      await relay.stop(signal)
      await after(downMillis)
      relay = await startRelay()
    },
    relayCommand: (args) => mustRun(...ours("clusterconnect-relay", [...args, "--config", configuration])),
    recorder,
    caFile,
    directory,
  }
}

const write = (path: string, text: string): string => {
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** A port that nobody listens on now: for a relay that must come back under the same one. */
const freePort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
