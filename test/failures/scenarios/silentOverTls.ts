import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { request } from "node:https"
import net from "node:net"
import { join } from "node:path"
import { parse, stringify } from "yaml"
import { createAuthority } from "../../cluster/credentials/CertificateAuthority.ts"
import { eventually } from "../../world/eventually.ts"
import { ours } from "../../world/ours.ts"
import { follow, listening, type Program } from "../../world/Program.ts"
import { relayConfiguration } from "../../world/relayConfiguration.ts"
import type { World } from "../../world/World.ts"
import { token } from "../Adversity.ts"

const publicUrl = "https://127.0.0.1"

/** A relay that terminates TLS itself, so that it knows its peers' addresses. */
export const silentOverTls = (world: () => World): void => {
  let relay: Program
  let port: number
  let ca: string
  beforeAll(async () => {
    const directory = join(world().directory, "tls-relay")
    mkdirSync(directory, { mode: 0o700 })
    const authority = await createAuthority("authority of the relay's TLS port")
    const { certificatePem, keyPem } = await authority.issue({ commonName: "relay", servedAs: ["127.0.0.1"] })
    ca = authority.certificatePem
    const [certFile, keyFile] = [join(directory, "tls.crt"), join(directory, "tls.key")]
    writeFileSync(certFile, certificatePem)
    writeFileSync(keyFile, keyPem, { mode: 0o600 })
    const { identityProvider, clusterName } = world()
    const plain = relayConfiguration({
      relayUrl: publicUrl,
      directory,
      issuer: identityProvider.issuer,
      idpCa: identityProvider.caPem,
      clusters: [clusterName],
    })
    const config = join(directory, "config.yaml")
    writeFileSync(config, stringify({ ...parse(plain), tls: { certFile, keyFile } }))
    const [command, args] = ours("clusterconnect-relay", ["serve", "--config", config])
    relay = follow("relay with TLS", spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] }))
    port = (await listening(relay, "public")).port
  }, 60_000)
  afterAll(() => relay.stop())

  /** A caller's question over TLS from this loopback address; its HTTP status, or why there was none. */
  const asked = async (localAddress: string): Promise<number | string> => {
    const authorization = `Bearer ${await token(world(), { audience: "clusterconnect:127.0.0.1" })}`
    return new Promise((resolve) => {
      const options = { host: "127.0.0.1", port, path: "/v1/clusters", localAddress, ca, rejectUnauthorized: true }
      const asking = request({ ...options, agent: false, headers: { authorization } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      })
      asking.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      asking.end()
    })
  }
  /** Every one says nothing; resolves when all are open or were closed again. */
  const silent = async (count: number, localAddress: string) => {
    const sockets: net.Socket[] = []
    let closed = 0
    const settled = Array.from({ length: count }, () => {
      const socket = net.connect({ port, host: "127.0.0.1", localAddress })
      sockets.push(socket)
      return new Promise<void>((resolve) => {
        socket.once("connect", () => resolve())
        socket.on("error", () => resolve()).resume()
        socket.once("close", () => {
          closed += 1
          resolve()
        })
      })
    })
    await Promise.all(settled)
    return { closed: () => closed, end: () => sockets.forEach((socket) => void socket.destroy()) }
  }

  test("10,000 connections that say nothing are bounded by address: another address is served beside them", async () => {
    expect(await asked("127.0.0.1")).toBe(200)
    const crowd = await silent(10_000, "127.0.0.1")
    try {
      expect(await asked("127.0.0.2")).toBe(200)
      // Those for which the kernel's queue was full are not open at the relay, and do not hear of it: the more, the busier the relay.
      await eventually("most are refused", 60_000, async () =>
        crowd.closed() > 5_000 ? { done: true } : { seen: crowd.closed() },
      )
      expect(await asked("127.0.0.2")).toBe(200)
      // A handshake that does not come has 10 s: then the crowd's own address is served again, though it never let go.
      await eventually("the crowd's address is served", 60_000, async () => {
        const answer = await asked("127.0.0.1")
        return answer === 200 ? { done: true } : { seen: answer }
      })
    } finally {
      crowd.end()
    }
  }, 240_000)
}
