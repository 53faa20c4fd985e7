import type { ChildProcess, SpawnOptions } from "node:child_process"
import type { Finished, RunOptions } from "./process/runProgram.ts"
import type { InboundProbe } from "./provider/probeInbound.ts"

export type ProviderName = "named" | "k3s" | "built"

/** `control-plane`: etcd and kube-apiserver. `node`: everything, real pods, Services and DNS. A provider may give more than was asked. */
export type Level = "control-plane" | "node"

export interface ClusterOptions {
  readonly level: Level
  /** Shown in progress lines and in `status`; default: the program's name. */
  readonly name?: string
  /** "1.34": the API server behaves as this minor version (`--emulated-version`). Only the built provider. */
  readonly emulatedVersion?: string
  /** Every request at level Metadata into `Cluster.auditLog`, one JSON event a line. Only the built provider. */
  readonly auditLog?: boolean
  /** Text of an AuthenticationConfiguration (apiserver.config.k8s.io/v1). Only the built provider. */
  readonly authenticationConfig?: string
  /** Further kube-apiserver flags, `--x=y`. Only the built provider. */
  readonly apiServerFlags?: readonly string[]
  /** Every new connection from outside is dropped from before the first program starts until the end. Only the built provider. */
  readonly closed?: boolean
  /** Outlives this process and is ended only by `bun run cluster down`. Only the built provider. */
  readonly detached?: boolean
  /** Where progress lines go; default: standard error. */
  readonly onProgress?: (line: string) => void
}

/** A real Kubernetes. "Inside" is where the cluster's own programs and pods are, "outside" is where the tests run. */
export interface Cluster {
  readonly provider: ProviderName
  readonly level: Level
  /** True when nothing outside can open a connection to anything inside; `probeInbound` proves it. */
  readonly isolated: boolean
  /** One sentence: what a test that passed on this cluster has shown about isolation. */
  readonly proves: string
  /** The API server's address as seen from inside (and from outside when the cluster is not closed). */
  readonly api: { readonly host: string; readonly port: number; readonly url: string }
  /** PEM of the authority that signed the API server's certificate. */
  readonly caPem: string
  /** Path of a cluster-admin kubeconfig whose server is `api.url`: for programs inside. */
  readonly adminKubeconfig: string
  /** Path of a cluster-admin kubeconfig that works outside, also when the cluster is closed (loopback, then `adminSocket`). */
  readonly outsideKubeconfig: string
  /** Unix socket that leads to the API server's TLS port, from both sides; never lifts the firewall. */
  readonly adminSocket: string
  /** Path of a kubectl within one minor version of 1.37. */
  readonly kubectl: string
  readonly auditLog: string | undefined
  /** Name for `ip netns`; undefined where the provider has none. */
  readonly namespace: string | undefined
  readonly insideAddress: string
  /** What programs inside dial to reach a listener of the test: relay and identity provider listen here. */
  readonly outsideAddress: string
  /** Directory of this cluster; files put here are seen by programs inside, and go with the cluster. */
  readonly directory: string
  /** Starts a program inside; its pid is the program's own, and `stop()` ends it if it still runs. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
  /** Runs a program inside to its end; never throws for an exit code. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Finished>
  /** kubectl inside, as cluster admin; returns its standard output, throws ProgramFailed for an exit code. */
  admin(args: readonly string[], options?: RunOptions): Promise<string>
  /** Loads an OCI layout tar (see ociImage) under the names in it, so that pods can use it without a registry. */
  importImage(archive: string): Promise<void>
  /** Gives an address a name for pods and for programs started by `spawn` and `run`; calling it again moves the name. */
  addAddressName(name: string, address: string): Promise<void>
  /** Kills the API server; its data stay, and nothing else of the cluster ends. Only the built provider. */
  killApiServer(): Promise<void>
  /** Starts it again after its end; returns when it says that it is ready. Only the built provider. */
  startApiServer(): Promise<void>
  /** Dials the API server from outside and from inside. */
  probeInbound(): Promise<InboundProbe>
  /** Packets that the closed cluster's firewall has dropped; 0 where there is none. */
  droppedPackets(): Promise<number>
  /** Ends and removes everything of this cluster; may be called twice. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
