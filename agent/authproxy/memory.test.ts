/** What callers are told when the auth proxy's memory is nearly used up. */
import { afterEach, expect, test } from "bun:test"
import type { Socket } from "node:net"
import { Effect } from "effect"
import type { MemoryUse } from "../../platform/memory/memoryUse.ts"
import { type AuthProxyBench, causeOf, request, startBench } from "./testing/AuthProxyBench.ts"
import { AnswerCut } from "./testing/RawConnection.ts"
import { plainAnswer } from "./testing/RecordingServer.ts"

const full: MemoryUse = { usedBytes: 80, limitBytes: 100 }
const short: MemoryUse = { usedBytes: 65, limitBytes: 100 }
const plenty: MemoryUse = { usedBytes: 10, limitBytes: 100 }
/** Beyond every buffer between the auth proxy and a client that does not read. */
const long = "x".repeat(16 * 1024 * 1024)

let use = plenty
let bench: AuthProxyBench
const start = async () => {
  use = plenty
  bench = await startBench({}, { memoryUse: () => use })
  return bench
}
afterEach(() => bench.stop())

test("a request is 503 MemoryShort and not sent, an upgrade as well; with memory again both go on", async () => {
  const { connect, token, upstream } = await start()
  const plain = request("GET /api/v1/pods", { token: token() })
  const upgrade = request("POST /api/v1/namespaces/a/pods/p/exec", {
    token: token(),
    headers: ["Connection: Upgrade", "Upgrade: SPDY/3.1"],
  })
  /** Memory is looked at ten times a second. */
  const askUntil = async (status: number) => {
    for (;;) {
      const answer = await (await connect()).ask(plain)
      if (answer.status === status) return answer
    }
  }
  use = full
  expect(causeOf((await askUntil(503)).body)).toBe("MemoryShort")
  const sent = upstream.heads.length
  for (const text of [plain, upgrade]) {
    const answer = await (await connect()).ask(text)
    expect([answer.status, causeOf(answer.body)]).toEqual([503, "MemoryShort"])
  }
  expect(upstream.heads).toHaveLength(sent)
  use = plenty
  expect((await askUntil(200)).status).toBe(200)
})

test("memory that stays full makes it unready, and with memory again it is ready", async () => {
  const { authProxy } = await start()
  const untilReady = async (ready: boolean) => {
    for (;;) {
      const memory = (await Effect.runPromise(authProxy.checks)).find(({ name }) => name === "memory")
      if (memory?.ok === ready) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await untilReady(true)
  use = full
  await untilReady(false)
  use = plenty
  await untilReady(true)
}, 60_000)

/** Writes what the peer does not read, until the connection ends. */
const flood = (socket: Socket, bytes = 256 * 1024) => {
  const block = Buffer.alloc(bytes, "x")
  const more = () => {
    while (!socket.destroyed && socket.write(block));
  }
  socket.on("error", () => {}).on("drain", more)
  more()
}

test("uploads that the API server does not take are cut as well", async () => {
  const { connect, token, upstream, auditOf } = await start()
  upstream.answer = (socket) => void socket.removeAllListeners("data").pause()
  for (let index = 1; index <= 5; index += 1) {
    const { socket } = await connect()
    socket.write(request(`PUT /upload/${index}`, { token: token(), headers: [`Content-Length: ${2 ** 40}`] }))
    await upstream.until((head) => head.startsWith(`PUT /upload/${index} `))
    flood(socket)
  }
  use = short
  expect((await auditOf("/upload/5")).cut).toBe("memory-short")
})

test("sessions whose client does not read are cut as well", async () => {
  const { connect, token, upstream, auditOf } = await start()
  upstream.answer = (socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
    flood(socket)
  }
  for (let index = 1; index <= 5; index += 1) {
    const connection = await connect()
    connection.socket.pause()
    const headers = ["Connection: Upgrade", "Upgrade: SPDY/3.1"]
    connection.write(request(`POST /api/v1/namespaces/a/pods/p${index}/exec`, { token: token(), headers }))
    await upstream.until((head) => head.includes(`/pods/p${index}/exec`))
  }
  use = short
  expect((await auditOf("/api/v1/namespaces/a/pods/p5/exec")).cut).toBe("memory-short")
})

test("answers that nobody takes are cut, never ended properly, the newest first, and the audit log says why", async () => {
  const { connect, token, upstream, auditOf } = await start()
  upstream.answer = (socket) => socket.write(plainAnswer("200 OK", long))
  const slow = []
  for (let index = 1; index <= 6; index += 1) {
    const connection = await connect()
    connection.socket.pause()
    connection.write(request(`GET /slow/${index}`, { token: token() }))
    await upstream.until((head) => head.startsWith(`GET /slow/${index} `))
    slow.push(connection)
  }
  use = short
  expect((await auditOf("/slow/6")).cut).toBe("memory-short")
  use = plenty
  const last = slow.at(-1)!
  last.socket.resume()
  expect(await last.answer().catch((error: unknown) => error)).toBeInstanceOf(AnswerCut)
  const first = slow[0]!
  first.socket.resume()
  expect((await first.answer()).body.length).toBe(long.length)
})
