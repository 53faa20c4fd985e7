import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ClusterOptions } from "../Cluster.ts"
import type { Instance } from "../instance/createInstance.ts"
import { type Daemon, startDaemon } from "../process/Daemon.ts"
import { type AdminGet, adminGet } from "./adminGet.ts"
import { API_PORT, type ClusterFiles, SERVICE_RANGE } from "./clusterFiles.ts"
import { startInside } from "./startInside.ts"

/** etcd, kube-apiserver and the two forwarders take three seconds on two idle cores; a loaded machine twenty times that. */
const START_MILLIS = 90_000

const ETCD_CLIENT = "http://127.0.0.1:2379"
const ETCD_PEER = "http://127.0.0.1:2380"

/** Everything that resources of the audit API need to name who did what; bodies stay out (they hold Secrets). */
const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

export interface ControlPlane {
  readonly adminSocket: string
  readonly outsideKubeconfig: string
  readonly auditLog: string | undefined
  readonly get: AdminGet
  /** Ends the server at once and waits until it has gone. */
  readonly killApiServer: () => Promise<void>
  /** Starts it with the flags of the first time; returns when it is ready. */
  readonly startApiServer: () => Promise<void>
}

/** Starts etcd and kube-apiserver; returns when the server says that it is ready. `programs` holds both. */
export async function startControlPlane(
  instance: Instance,
  files: ClusterFiles,
  programs: string,
  options: ClusterOptions,
): Promise<ControlPlane> {
  startInside(instance, "etcd", [
    join(programs, "etcd"),
    `--data-dir=${files.path("etcd")}`,
    `--listen-client-urls=${ETCD_CLIENT}`,
    `--advertise-client-urls=${ETCD_CLIENT}`,
    `--listen-peer-urls=${ETCD_PEER}`,
    `--initial-advertise-peer-urls=${ETCD_PEER}`,
    `--initial-cluster=default=${ETCD_PEER}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ])
  const auditLog = options.auditLog === true ? files.path("audit.log") : undefined
  const command = [join(programs, "kube-apiserver"), ...apiServerFlags(instance, files, options, auditLog)]
  let server = startInside(instance, "kube-apiserver", command)

  const adminSocket = files.path("api.sock")
  const endsWithUs = options.detached !== true
  const inside = ["nsenter", `--net=/run/netns/${instance.namespace}`, "--"]
  const forward = (name: string, enter: readonly string[], listen: string, target: string) =>
    startForwarder({ instance, name, endsWithUs, command: [...enter, ...FORWARD, listen, target] })
  await forward("admin-socket", inside, `unix:${adminSocket}`, `tcp:${instance.range.inside}:${API_PORT}`)
  const outside = await forward("admin-port", [], "tcp:127.0.0.1:0", `unix:${adminSocket}`)
  const url = outside.replace("tcp:", "https://")
  const outsideKubeconfig = files.writeAdminKubeconfig("outside.kubeconfig", url)
  const get = adminGet(outsideKubeconfig)
  const ready = () =>
    server.until("/readyz", START_MILLIS, async () => ((await get("/readyz")) === undefined ? undefined : true))
  await ready()
  return {
    adminSocket,
    outsideKubeconfig,
    auditLog,
    get,
    killApiServer: () => killChildOf(server),
    startApiServer: async () => {
      server = startInside(instance, "kube-apiserver", command)
      await ready()
    },
  }
}

function apiServerFlags(
  instance: Instance,
  files: ClusterFiles,
  options: ClusterOptions,
  auditLog: string | undefined,
): readonly string[] {
  const pki = (name: string) => files.path(`pki/${name}`)
  const flags = [
    `--advertise-address=${instance.range.inside}`,
    `--secure-port=${API_PORT}`,
    `--etcd-servers=${ETCD_CLIENT}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
    `--client-ca-file=${pki("ca.crt")}`,
    `--tls-cert-file=${pki("apiserver.crt")}`,
    `--tls-private-key-file=${pki("apiserver.key")}`,
    `--cert-dir=${files.path("pki")}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${pki("service-account.pub")}`,
    `--service-account-signing-key-file=${pki("service-account.key")}`,
    `--kubelet-certificate-authority=${pki("ca.crt")}`,
    `--kubelet-client-certificate=${pki("apiserver-kubelet-client.crt")}`,
    `--kubelet-client-key=${pki("apiserver-kubelet-client.key")}`,
    "--kubelet-preferred-address-types=InternalIP",
  ]
  if (options.emulatedVersion !== undefined) flags.push(`--emulated-version=kube=${options.emulatedVersion}`)
  if (auditLog !== undefined) {
    writeFileSync(files.path("audit-policy.yaml"), AUDIT_POLICY)
    flags.push(`--audit-policy-file=${files.path("audit-policy.yaml")}`, `--audit-log-path=${auditLog}`)
  }
  if (options.authenticationConfig !== undefined) {
    writeFileSync(files.path("authentication.yaml"), options.authenticationConfig, { mode: 0o600 })
    flags.push(`--authentication-config=${files.path("authentication.yaml")}`)
  }
  return [...flags, ...(options.apiServerFlags ?? [])]
}

/** A program in the instance's pid namespace is a child of nsenter, which ends with it. */
async function killChildOf(daemon: Daemon): Promise<void> {
  const { pid } = daemon.identity
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim()
  if (!/^[0-9]+$/.test(children)) throw new Error(`${daemon.name}: expected one child of ${pid}, found "${children}"`)
  process.kill(Number(children), "SIGKILL")
  // It stands still with a child that was stopped once, and would never notice the end.
  process.kill(pid, "SIGCONT")
  await daemon.gone
}

const FORWARD = [process.execPath, join(import.meta.dir, "../forward.ts")]

/** Returns what it listens on. */
async function startForwarder(options: {
  readonly instance: Instance
  readonly name: string
  readonly endsWithUs: boolean
  readonly command: readonly string[]
}): Promise<string> {
  const { instance, name, endsWithUs, command } = options
  const logFile = join(instance.directory, `${name}.log`)
  const daemon = startDaemon({ name, logFile, endsWithUs, command: command as [string, ...string[]] })
  instance.remember(name, daemon.identity)
  return daemon.until("listening", START_MILLIS, async () => {
    return /^listening (.*)$/m.exec(readFileSync(logFile, "utf8"))?.[1]
  })
}
