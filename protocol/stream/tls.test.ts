import { expect, test } from "bun:test"
import { once } from "node:events"
import http from "node:http"
import type net from "node:net"
import tls from "node:tls"
import { newLeaf, newRoot } from "../certificates.ts"
import { reason } from "../core/reasons.ts"
import { clusterServerName } from "../names.ts"
import { fixture, receive, send } from "./streamFixture.ts"

const mebibyte = 1024 * 1024
const root = await newRoot("edge", 1, new Date())
const leaf = await newLeaf(root, "edge", 1, new Date())
const servername = clusterServerName("edge")

/** End-to-end TLS over a stream: what the auth proxy and the proxy do. */
const secured = async () => {
  const path = await fixture()
  const { client, server } = await path.open()
  const tlsServer = tls.createServer({ key: leaf.keyPem, cert: leaf.certificatePem, minVersion: "TLSv1.3" })
  const arrival = once(tlsServer, "secureConnection")
  tlsServer.emit("connection", server.socket)
  const socket = tls.connect({
    socket: client.socket,
    ca: root.certificatePem,
    servername,
    minVersion: "TLSv1.3",
    rejectUnauthorized: true,
  })
  await once(socket, "secureConnect")
  const [inner] = (await arrival) as [tls.TLSSocket]
  return { path, client, server, socket, inner }
}

test("an HTTP/1.1 request over TLS over a stream is answered, and the connection is kept for the next", async () => {
  const { path, client, socket, inner } = await secured()
  await using _ = path
  const web = http.createServer((request, response) => {
    response.end(`${request.method} ${request.url} ${request.headers["content-length"] ?? "-"}`)
    request.resume()
  })
  web.emit("connection", inner)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  agent.createConnection = () => socket
  for (const body of ["first", "second, longer"]) {
    const request: http.ClientRequest = http.request({
      agent,
      method: "POST",
      path: "/x",
      headers: { host: servername, "content-length": body.length },
    })
    request.end(body)
    const [response] = (await once(request, "response")) as [http.IncomingMessage]
    let text = ""
    for await (const chunk of response) text += chunk
    expect(text).toBe(`POST /x ${body.length}`)
  }
  agent.destroy()
  socket.end()
  socket.destroy()
  const ends: string[] = [reason.closed, reason.readerGone]
  expect(ends).toContain((await client.ended).reason)
})

for (const direction of ["up", "down"] as const)
  test(`TLS stops its writer when the far reader stands still (${direction})`, async () => {
    const { path, client, socket, inner } = await secured()
    await using _ = path
    const [writer, reader]: readonly [net.Socket, net.Socket] = direction === "up" ? [socket, inner] : [inner, socket]
    reader.pause()
    const chunk = Buffer.alloc(64 * 1024, 7)
    let accepted = 0
    const fill = () => {
      do accepted += chunk.byteLength
      while (writer.write(chunk) && accepted < 64 * mebibyte)
    }
    writer.on("drain", fill)
    fill()
    for (let last = -1; last !== accepted; ) {
      last = accepted
      // Each is a round trip of the whole path, so whatever was under way has arrived.
      for (let times = 0; times < 5; times += 1) await client.probe()
    }
    expect(accepted).toBeLessThan(4 * mebibyte)
    writer.off("drain", fill)
    writer.end()
    const rest = receive(reader)
    reader.resume()
    const { bytes } = await rest
    expect(bytes).toBe(accepted)
    writer.on("error", () => {})
    reader.on("error", () => {})
    writer.destroy()
    reader.destroy()
  })

test("TLS over a stream whose carriers are cut again and again still brings every byte", async () => {
  const { path, socket, inner } = await secured()
  await using _ = path
  const over = new AbortController()
  const cutting = (async () => {
    for (let round = 1; !over.signal.aborted; round += 1) {
      await once(inner, "data", { signal: over.signal }).catch(() => {})
      if (over.signal.aborted) return
      path.path.cut()
      await Promise.race([path.event("client", "resumed", round), once(over.signal, "abort")])
    }
  })()
  const [sent, arrived] = await Promise.all([send(socket, 24 * mebibyte), receive(inner)])
  over.abort()
  await cutting
  expect(arrived).toEqual({ sha256: sent, bytes: 24 * mebibyte })
  socket.destroy()
  inner.destroy()
  expect(path.clientEvents.filter((event) => event.type === "resumed").length).toBeGreaterThan(2)
}, 60_000)

test("a stream that is reset gives TLS an error, never a clean end", async () => {
  const { path, server, socket, inner } = await secured()
  await using _ = path
  inner.on("error", () => {})
  const failed = once(socket, "error")
  server.destroy("auth-proxy-draining")
  expect((await failed)[0]).toMatchObject({ name: "StreamReset", reason: "auth-proxy-draining" })
})
