import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import * as http from "node:http"
import * as net from "node:net"
import * as tls from "node:tls"
import {
  type CertificateAuthority,
  certificateAuthority,
  type KeyPair,
} from "../../platform/fixtures/certificateAuthority.ts"
import { event, listen, rawExchange } from "./sockets.ts"

let authority: CertificateAuthority
let first: KeyPair
let second: KeyPair
beforeAll(async () => {
  authority = await certificateAuthority()
  first = await authority.issue("one.test")
  second = await authority.issue("two.test")
})

const sockets = new Set<net.Socket>()
const servers: net.Server[] = []
afterAll(() => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers) server.close()
})

const kept = <S extends net.Socket>(socket: S): S => {
  sockets.add(socket.on("error", () => {}))
  return socket
}

/** Rule: every server is tls.createServer (or net) that feeds a http.Server by emit("connection"). */
describe("tls.createServer feeding a http.Server", () => {
  const started = async (front: http.Server, options: tls.TlsOptions = {}) => {
    const server = tls.createServer({ ...first, ...options }, (socket) => front.emit("connection", kept(socket)))
    servers.push(server)
    return { server, port: await listen(server) }
  }
  const dial = async (port: number, options: tls.ConnectionOptions = {}) => {
    const socket = kept(
      tls.connect({ port, ca: authority.cert, servername: "one.test", rejectUnauthorized: true, ...options }),
    )
    await event(socket, "secureConnect")
    return socket
  }

  test("takes a new certificate by setSecureContext while old connections go on", async () => {
    const { server, port } = await started(http.createServer((_, response) => response.end("served")))
    const before = await dial(port)
    server.setSecureContext({ ...second })
    const after = await dial(port, { servername: "two.test" })
    expect(after.getPeerCertificate().subjectaltname).toBe("DNS:two.test")
    before.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(String(await event(before, "data"))).toContain("served")
  })

  test("shows the client's certificate on the request's socket", async () => {
    const front = http.createServer((request, response) =>
      response.end((request.socket as tls.TLSSocket).getPeerCertificate().subjectaltname),
    )
    const { port } = await started(front, { requestCert: true, ca: authority.cert })
    const socket = await dial(port, { ...second })
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(String(await event(socket, "data"))).toContain("DNS:two.test")
  })

  test("brings in 'connection' the very socket of 'secureConnection', so that handshakes can be counted and limited", async () => {
    const server = tls.createServer({ ...first })
    servers.push(server)
    const port = await listen(server)
    const accepted = event(server, "connection")
    const done = event(server, "secureConnection")
    await dial(port)
    expect(await accepted).toBe(kept((await done) as net.Socket))
  })
})

const UNFINISHED = "GET / HTTP/1.1\r\nHo"

/** Rule: platform's HttpFront has timers of its own and checks Host. When one of these changes, node's own timer may do. */
describe("on an emitted connection node's own protections do not act", () => {
  const options = { headersTimeout: 20, requestTimeout: 20, keepAliveTimeout: 20, connectionsCheckingInterval: 5 }

  test("a head that stops in the middle is kept beyond headersTimeout, and an idle connection beyond keepAliveTimeout", async () => {
    const front = http.createServer(options, (_, response) => response.end("served"))
    const bare = net.createServer((socket) => front.emit("connection", kept(socket)))
    servers.push(bare)
    const port = await listen(bare)
    const unfinished = kept(net.connect(port, "127.0.0.1"))
    const idle = kept(net.connect(port, "127.0.0.1"))
    unfinished.write(UNFINISHED)
    idle.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await event(idle, "data")
    // The same server on a port of its own ends such connections; it has done so three times by then.
    const listening = http.createServer(options, (_, response) => response.end("served"))
    servers.push(listening)
    const own = await listen(listening)
    for (let round = 0; round < 3; round++) expect(await rawExchange(own, UNFINISHED)).toStartWith("HTTP/1.1 408")
    expect([unfinished.destroyed || unfinished.readableEnded, idle.destroyed || idle.readableEnded]).toEqual([
      false,
      false,
    ])
  })

  test("a request without Host is served", async () => {
    const front = http.createServer((_, response) => response.writeHead(200, { connection: "close" }).end())
    const bare = net.createServer((socket) => front.emit("connection", kept(socket)))
    servers.push(bare)
    expect(await rawExchange(await listen(bare), "GET / HTTP/1.1\r\n\r\n")).toStartWith("HTTP/1.1 200")
  })
})

/** Rule: rejectUnauthorized: true is written out at every TLS client. */
test("NODE_TLS_REJECT_UNAUTHORIZED=0 opens TLS to anybody, except where rejectUnauthorized: true is explicit", async () => {
  const server = tls.createServer({ ...first }, (socket) => kept(socket).end())
  server.on("tlsClientError", () => {})
  servers.push(server)
  const port = await listen(server)
  const dial = `const s = require("node:tls").connect({ port: ${port}, servername: "one.test", ...JSON.parse(process.argv[1]) })
    s.on("secureConnect", () => { console.log("open"); process.exit(0) }).on("error", () => { console.log("refused"); process.exit(0) })`
  const outcome = async (options: object) => {
    const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: "0" }
    const child = Bun.spawn([process.execPath, "-e", dial, JSON.stringify(options)], {
      env,
      stdout: "pipe",
      stderr: "ignore",
    })
    return (await new Response(child.stdout).text()).trim()
  }
  expect(await Promise.all([outcome({}), outcome({ rejectUnauthorized: true })])).toEqual(["open", "refused"])
})
