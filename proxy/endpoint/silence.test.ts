import { afterEach, beforeEach, expect, test } from "bun:test"
import { once } from "node:events"
import http from "node:http"
import net from "node:net"
import type tls from "node:tls"
import { FarEnd } from "../testing/FarEnd.ts"
import { credential, NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
beforeEach(async () => {
  far = await FarEnd.start()
  near = await NearEnd.start(far, { limits: { firstHeadMillis: 3_000, maxSockets: 8 } })
})
afterEach(async () => {
  await near.stop()
  await far.stop()
})

const silent = () => {
  const socket = net.connect(near.endpoint.port, "127.0.0.1")
  socket.on("error", () => {}).resume()
  return { socket, closed: new Promise<void>((resolve) => socket.once("close", () => resolve())) }
}

test("a local connection that says nothing is closed, before its TLS handshake and after it", async () => {
  const secured = near.dial().on("error", () => {})
  secured.resume()
  await Promise.all([silent().closed, new Promise((resolve) => secured.once("end", resolve).once("close", resolve))])
})
test("local connections without a word are no more than the limit, and the user is served when they are gone", async () => {
  const many = Array.from({ length: 40 }, silent)
  await Promise.all(many.map(({ closed }) => closed))
  expect(near.endpoint.connections).toBe(0)
  expect((await near.get("/api")).status).toBe(200)
})

const head = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: ${near.host}\r\nAuthorization: Bearer ${credential}\r\n\r\n`

test("a connection is closed when no request has come on it for the idle time, but not while it waits for an answer", async () => {
  await near.stop()
  near = await NearEnd.start(far, { limits: { idleMillis: 100 } })
  const held = Promise.withResolvers<http.ServerResponse>()
  far.handle = (request, response) => (request.url === "/held" ? held.resolve(response) : response.end("done"))
  const asking = (path: string) => {
    const socket = near.dial().resume()
    socket.write(head(path))
    return { socket, ended: once(socket, "end").then(() => socket.end()) }
  }
  const waiting = asking("/held")
  const response = await held.promise
  await asking("/api").ended
  expect(waiting.socket.readableEnded).toBe(false)
  response.end("done")
  await waiting.ended
})

test.each([
  ["comes after another one", false],
  ["comes together with another one", true],
])("a request that %s on its connection is not cut by the idle time", async (_, together) => {
  await near.stop()
  near = await NearEnd.start(far, { limits: { idleMillis: 100 } })
  const held = Promise.withResolvers<http.ServerResponse>()
  far.handle = (request, response) => (request.url === "/held" ? held.resolve(response) : response.end("done"))
  const socket = near.dial().resume()
  const ended = once(socket, "end").then(() => socket.end())
  socket.write(together ? head("/api") + head("/held") : head("/api"))
  if (!together) {
    await once(socket, "data")
    socket.write(head("/held"))
  }
  const response = await held.promise
  // Another connection, which is idle, has been closed meanwhile.
  const other = near.dial().resume()
  other.write(head("/api"))
  await once(other, "end")
  other.end()
  expect(socket.readableEnded).toBe(false)
  response.end("done")
  await ended
})

test("only who has shown the credential uses the endpoint: neither silence nor a wrong credential keeps a background proxy", async () => {
  await near.stop()
  near = await NearEnd.start(far)
  const dialled: tls.TLSSocket[] = []
  const keeping = new http.Agent({ keepAlive: true })
  keeping.createConnection = () => {
    const socket = near.dial()
    dialled.push(socket)
    return socket
  }
  const status = (authorization: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const path = "/api"
      const headers = { host: `127.0.0.1:${near.endpoint.port}`, authorization }
      http
        .get({ agent: keeping, path, headers }, (answer) =>
          answer.resume().once("end", () => resolve(answer.statusCode)),
        )
        .once("error", reject)
    })
  const unsecured = silent()
  const secured = near.dial().on("error", () => {})
  await once(secured, "secureConnect")
  expect(await status("Bearer ccsession_wrong")).toBe(401)
  expect([near.endpoint.connections > 1, near.endpoint.connectionsInUse]).toEqual([true, 0])
  expect(await status(`Bearer ${credential}`)).toBe(200)
  expect(near.endpoint.connectionsInUse).toBe(1)
  keeping.destroy()
  secured.destroy()
  unsecured.socket.destroy()
  while (near.endpoint.connections > 0) await new Promise((resolve) => setImmediate(resolve))
  expect(near.endpoint.connectionsInUse).toBe(0)
})
test("the end of the program closes a connection that is in its handshake", async () => {
  const one = silent()
  await new Promise((resolve) => one.socket.once("connect", resolve))
  // Another connection's answer proves that the first was accepted.
  await near.get("/api")
  await near.endpoint.close()
  await one.closed
})
