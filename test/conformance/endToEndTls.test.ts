import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import type * as net from "node:net"
import { Duplex } from "node:stream"
import * as tls from "node:tls"
import {
  type CertificateAuthority,
  certificateAuthority,
  type KeyPair,
} from "../../platform/fixtures/certificateAuthority.ts"
import { event, tcpPair, turns } from "./sockets.ts"

let authority: CertificateAuthority
let leaf: KeyPair
beforeAll(async () => {
  authority = await certificateAuthority()
  leaf = await authority.issue("edge-1.test")
})

const opened: Duplex[] = []
afterAll(() => {
  for (const stream of opened) stream.destroy()
})

const MIB = 1024 * 1024
/** Kernel buffers of two sockets and what TLS holds; a stream without back pressure takes all that is offered. */
const HELD_BYTES = 24 * MIB
const OFFERED_BYTES = 96 * MIB

async function secured(near: Duplex, far: net.Socket): Promise<[tls.TLSSocket, tls.TLSSocket]> {
  const server = tls.createServer({ ...leaf, minVersion: "TLSv1.3" })
  const accepted = event(server, "secureConnection") as Promise<tls.TLSSocket>
  server.emit("connection", far)
  const client = tls.connect({ socket: near, ca: authority.cert, servername: "edge-1.test", rejectUnauthorized: true })
  await event(client, "secureConnect")
  const pair: [tls.TLSSocket, tls.TLSSocket] = [client, await accepted]
  for (const socket of pair) opened.push(socket.on("error", () => {}))
  return pair
}

/** Writes until the stream says stop and does not call for more while the event loop turns, or until all is taken. */
async function acceptedBytes(writer: Duplex): Promise<number> {
  const chunk = Buffer.alloc(256 * 1024)
  let taken = 0
  while (taken < OFFERED_BYTES) {
    taken += chunk.length
    if (writer.write(chunk)) continue
    let drained = false
    writer.once("drain", () => {
      drained = true
    })
    for (let turn = 0; turn < 400 && !drained; turn++) await turns(1)
    if (!drained) break
  }
  return taken
}

/** Rule: the stream meets TLS through a real socket inside the process, so that the window bounds what a writer can queue. */
describe("end-to-end TLS over a real socket", () => {
  test("stops a writing client when the server does not read", async () => {
    const [near, far] = await tcpPair()
    const [client, server] = await secured(near, far)
    server.pause()
    expect(await acceptedBytes(client)).toBeLessThan(HELD_BYTES)
  })

  test("stops a writing server when the client does not read", async () => {
    const [near, far] = await tcpPair()
    const [client, server] = await secured(near, far)
    client.pause()
    expect(await acceptedBytes(server)).toBeLessThan(HELD_BYTES)
  })

  test("lets everything through when the reader goes on", async () => {
    const [near, far] = await tcpPair()
    const [client, server] = await secured(near, far)
    let received = 0
    const whole = new Promise<void>((resolve) => {
      server.on("data", (chunk: Buffer) => {
        received += chunk.length
        if (received === 8 * MIB) resolve()
      })
    })
    client.write(Buffer.alloc(8 * MIB))
    await whole
    expect(received).toBe(8 * MIB)
  })
})

/** Rule: never TLS over a Duplex of ours. When this test fails, Bun pushes back there too and the socket pair could go. */
test("end-to-end TLS over a plain Duplex takes everything while its transport stands still", async () => {
  const [transport, far] = await tcpPair()
  let blocked = false
  const duplex = new Duplex({
    read: () => void transport.resume(),
    write(chunk, _encoding, callback) {
      if (!blocked) transport.write(chunk, callback)
    },
  })
  opened.push(
    duplex.on("error", () => {}),
    transport,
  )
  transport.on("data", (chunk) => duplex.push(chunk))
  const [client] = await secured(duplex, far)
  blocked = true
  expect(await acceptedBytes(client)).toBe(OFFERED_BYTES)
})

/** Rule: truncation must never look like success; HTTP's own framing decides, not the end of TLS (streams.md). */
test("a transport that ends without close_notify is a clean end of TLS", async () => {
  const [near, far] = await tcpPair()
  const [client] = await secured(near, far)
  client.resume()
  const outcome = Promise.race([event(client, "end").then(() => "end"), event(client, "error").then(() => "error")])
  far.end()
  expect(await outcome).toBe("end")
})
