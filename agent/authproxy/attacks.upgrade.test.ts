import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { once } from "node:events"
import { type AuthProxyBench, causeOf, request, serviceAccountToken, startBench } from "./testing/AuthProxyBench.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())
afterEach(() => {
  bench.upstream.heads.length = 0
  bench.upstream.connections.length = 0
})

const target = "/api/v1/namespaces/d/pods/p/exec?command=sh"
const spdy = ["Connection: Upgrade", "Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: v4.channel.k8s.io"]
const webSocket = [
  "Connection: keep-alive, Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
]
const switched =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"
const exec = (headers: readonly string[] = spdy, method = "POST") =>
  request(`${method} ${target}`, { token: bench.token(), headers })

test("a 101 joins both sides: bytes behind both heads, both directions, both half-closes", async () => {
  bench.upstream.answer = (socket) => socket.write(`${switched}from-server`)
  const connection = await bench.connect()
  connection.write(`${exec()}pipelined`)
  const answer = await connection.answer()
  expect(answer.status).toBe(101)
  expect(answer.head).toContain("Upgrade: SPDY/3.1")
  expect(answer.head).toContain("X-Stream-Protocol-Version: v4.channel.k8s.io")
  await connection.until("from-server")
  const upstream = bench.upstream.connections[0]!
  connection.write(" and more")
  while (!upstream.received.endsWith("pipelined and more")) await once(upstream.socket, "data")
  const ended = once(upstream.socket, "end")
  connection.socket.end()
  await ended
  await connection.ended
  const line = await bench.auditOf("/api/v1/namespaces/d/pods/p/exec")
  expect(line).toMatchObject({ code: 101, upgrade: true, username: "oidc:alice", receivedBytes: 18, sentBytes: 11 })
})

describe("S7: an upgrade answered by anything but a matching 101 leaves no pipe, and pipelined bytes stay here:", () => {
  test.each([
    ["200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200],
    ["302", "HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n", 302],
    ["403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403],
    ["403 in chunks", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 403],
    ["401 for our own credential", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", 502],
    ["garbage", "SSH-2.0-OpenSSH\r\n\r\n", 502],
    ["101 to another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502],
    ["101 without Upgrade", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", 502],
    ["101 without Connection", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n\r\n", 502],
    [
      "100 and then a late 101 to another protocol",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      502,
    ],
    ["an answer that ends with its connection", "HTTP/1.1 200 OK\r\n\r\nendless", 502],
  ])("%s", async (_, text, status) => {
    bench.upstream.answer = (socket) => socket.write(text)
    const connection = await bench.connect()
    connection.write(`${exec()}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`)
    const answer = await connection.answer()
    expect(answer.status).toBe(status)
    connection.write("GET /smuggled-later HTTP/1.1\r\nHost: x\r\n\r\n")
    await connection.ended
    expect(bench.upstream.heads).toHaveLength(1)
    expect(bench.upstream.connections[0]?.received).not.toContain("smuggled")
  })
})

test("S7: a connection that closes instead of answering is a failure, not a pipe", async () => {
  bench.upstream.answer = (socket) => socket.destroy()
  const connection = await bench.connect()
  const answer = await connection.ask(exec())
  expect([answer.status, causeOf(answer.body)]).toEqual([504, "OutcomeUnknown"])
})

test("S7: a plain request answered with 101 is a failure, and nothing is joined", async () => {
  bench.upstream.answer = (socket) => socket.write(`${switched}raw`)
  const connection = await bench.connect()
  const answer = await connection.ask(request("GET /api", { token: bench.token() }))
  expect([answer.status, causeOf(answer.body)]).toEqual([502, "ApiServerAnswerRefused"])
})

test("S7: every upgrade has a connection of its own, and none is used again", async () => {
  bench.upstream.answer = (socket) => socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
  for (const _ of [1, 2, 3]) {
    const connection = await bench.connect()
    await connection.ask(exec())
    await connection.ended
  }
  expect(bench.upstream.connections).toHaveLength(3)
  for (const { received } of bench.upstream.connections) expect(received.match(/HTTP\/1.1/g)).toHaveLength(1)
})

test("S10: the bearer subprotocol authenticates and is not sent on", async () => {
  const accepted =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"
  bench.upstream.answer = (socket) => socket.write(accepted)
  const token = bench.token()
  const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString("base64url")}`
  const connection = await bench.connect()
  const headers = [...webSocket, `Sec-WebSocket-Protocol: ${protocol}, v5.channel.k8s.io`]
  const answer = await connection.ask(request(`GET ${target}`, { headers }))
  expect(answer.status).toBe(101)
  expect(answer.head).toContain("Sec-WebSocket-Protocol: v5.channel.k8s.io")
  const [head = ""] = bench.upstream.heads
  expect(head).toContain("Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n")
  expect(head).toContain(`Authorization: Bearer ${serviceAccountToken}\r\n`)
  expect(head).toContain("Impersonate-User: oidc:alice\r\n")
  expect(head).not.toContain("base64url.bearer")
  expect(bench.upstream.connections[0]?.received).not.toContain(Buffer.from(token).toString("base64url"))
})

test("upgrades pass the same gates as plain requests: no token, no pipe", async () => {
  const connection = await bench.connect()
  const answer = await connection.ask(request(`GET ${target}`, { headers: webSocket }))
  expect([answer.status, causeOf(answer.body)]).toEqual([401, "TokenMissing"])
  await connection.ended
  expect(bench.upstream.heads).toEqual([])
})

test("an upgrade to anything else is refused", async () => {
  const connection = await bench.connect()
  const answer = await connection.ask(
    exec(["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"], "GET"),
  )
  expect([answer.status, causeOf(answer.body)]).toEqual([400, "UpgradeProtocolRefused"])
  expect(bench.upstream.heads).toEqual([])
})

test("a client that leaves before the 101 ends the request to the API server", async () => {
  bench.upstream.answer = () => {}
  const connection = await bench.connect()
  connection.write(exec())
  await bench.upstream.until((head) => head.startsWith("POST"))
  const { socket } = bench.upstream.connections[0]!
  const closed = once(socket, "close")
  connection.leave()
  await closed
})

test("a stalled reader stops the other side: nothing piles up in between", async () => {
  const chunk = Buffer.alloc(1024 * 1024)
  const total = 96
  bench.upstream.answer = (socket) => {
    socket.write(switched)
    let left = total
    const more = () => {
      while (left > 0) {
        left -= 1
        if (!socket.write(chunk)) return void socket.once("drain", more)
      }
      socket.end()
    }
    more()
  }
  const connection = await bench.connect()
  connection.socket.pause()
  connection.write(exec())
  const head = await bench.upstream.until((text) => text.startsWith("POST"))
  expect(head).toContain("SPDY/3.1")
  const { socket } = bench.upstream.connections[0]!
  // Stands still when neither side has moved a byte for two looks: the windows on the way are full.
  let before = -1
  while (socket.bytesWritten !== before || before === 0) {
    before = socket.bytesWritten
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
    await fetchNothing()
  }
  expect(socket.bytesWritten).toBeLessThan(48 * 1024 * 1024)
  let received = 0
  let ahead = ""
  connection.socket.removeAllListeners("data")
  connection.socket.on("data", (data: Buffer) => {
    // The head is the auth proxy's own; what counts is what follows it.
    if (received === 0) ahead = data.toString("latin1").split("\r\n\r\n")[0] ?? ""
    received += data.length
  })
  connection.socket.resume()
  await once(connection.socket, "end")
  expect(received).toBe(total * chunk.length + ahead.length + "\r\n\r\n".length)
  expect(ahead).toMatch(/\r\nServer-Timing: cc-auth-proxy;dur=\d+\.\d, cc-api-server;dur=\d+\.\d$/)
  connection.socket.end()
})

/** A round trip through the kernel, so that sockets get their turns. */
const fetchNothing = async () => {
  const probe = await bench.connect()
  await probe.ask(request("GET /api"))
  probe.socket.destroy()
}
