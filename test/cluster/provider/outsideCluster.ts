import { rmSync } from "node:fs"
import net from "node:net"
import { join } from "node:path"
import type { Cluster } from "../Cluster.ts"
import { mustRun, type RunOptions } from "../process/runProgram.ts"
import { probeInbound } from "./probeInbound.ts"

/** The provider of this cluster cannot do that; the message says which one can. */
export class NotOffered extends Error {
  override readonly name = "NotOffered"
}

const notOurs = async () => {
  throw new NotOffered("only the API server of a cluster that was built here can be stopped and started")
}

type Admin = (args: readonly string[], options?: RunOptions) => Promise<string>

/** What the two providers that did not make their cluster from parts have to say about it. */
export interface OutsideCluster
  extends Pick<
    Cluster,
    | "provider"
    | "proves"
    | "kubectl"
    | "adminKubeconfig"
    | "outsideKubeconfig"
    | "directory"
    | "insideAddress"
    | "outsideAddress"
    | "spawn"
    | "run"
    | "importImage"
  > {
  readonly api: { readonly host: string; readonly port: number }
  readonly addAddressName: (name: string, address: string, admin: Admin) => Promise<void>
  readonly end: () => Promise<void>
}

/** A cluster that is reached from outside by an ordinary address: `adminSocket` is served by this process. */
export async function outsideCluster(parts: OutsideCluster): Promise<Cluster> {
  const { api, kubectl, directory, outsideKubeconfig } = parts
  const view = (path: string) =>
    mustRun(kubectl, [
      ...[`--kubeconfig=${outsideKubeconfig}`, "config", "view"],
      "--raw",
      "--minify",
      "--flatten",
      `--output=jsonpath=${path}`,
    ])
  const ca = await view("{.clusters[0].cluster.certificate-authority-data}")
  const outside = new URL(await view("{.clusters[0].cluster.server}"))
  const adminSocket = join(directory, "api.sock")
  const sockets = new Set<net.Socket>()
  const server = net.createServer((accepted) => {
    const dialled = net.connect({ host: outside.hostname, port: Number(outside.port || 443) })
    for (const [socket, other] of [
      [accepted, dialled],
      [dialled, accepted],
    ] as const) {
      sockets.add(socket)
      socket.on("error", () => other.destroy())
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(adminSocket, resolve))

  const admin: Admin = (args, options) => mustRun(kubectl, [`--kubeconfig=${outsideKubeconfig}`, ...args], options)
  let ended: Promise<void> | undefined
  const end = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
    await parts.end()
    rmSync(directory, { recursive: true, force: true })
  }
  const stop = () => {
    ended ??= end()
    return ended
  }
  return {
    ...parts,
    level: "node",
    isolated: false,
    api: { ...api, url: `https://${api.host.includes(":") ? `[${api.host}]` : api.host}:${api.port}` },
    caPem: Buffer.from(ca, "base64").toString("utf8"),
    adminSocket,
    auditLog: undefined,
    namespace: undefined,
    admin,
    addAddressName: (name, address) => parts.addAddressName(name, address, admin),
    probeInbound: () => probeInbound(api.host, api.port, parts.run),
    killApiServer: notOurs,
    startApiServer: notOurs,
    droppedPackets: async () => 0,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
