import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { once } from "node:events"
import { type AuthProxyBench, causeOf, request, startBench } from "./testing/AuthProxyBench.ts"
import { plainAnswer } from "./testing/RecordingServer.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())
afterEach(() => {
  bench.upstream.heads.length = 0
  bench.upstream.connections.length = 0
  bench.upstream.answer = (socket) => socket.write(plainAnswer("200 OK", "{}"))
})

describe.each([
  ["a plain request", []],
  ["an upgrade", ["Connection: Upgrade", "Upgrade: SPDY/3.1"]],
])("an answer ends its request and not the process, to %s", (_, headers) => {
  const asked = async () => {
    const connection = await bench.connect()
    return await connection.ask(request("GET /api/odd", { token: bench.token(), headers }))
  }
  test.each(["000", "099", "600", "999"])("if its status %s is none", async (status) => {
    bench.upstream.answer = (socket) => socket.write(`HTTP/1.1 ${status} Odd\r\nContent-Length: 2\r\n\r\n{}`)
    const answer = await asked()
    expect([answer.status, causeOf(answer.body)]).toEqual([502, "ApiServerAnswerRefused"])
  })
  test.each(["O\x01K", "a\0b", "a\x7fb", "\xc3\xa4\xff", ""])(
    "if its reason phrase is %j, which goes no further",
    async (reason) => {
      bench.upstream.answer = (socket) =>
        socket.write(`HTTP/1.1 404 ${reason}\r\nContent-Length: 2\r\n\r\n{}`, "latin1")
      const answer = await asked()
      expect([answer.status, answer.body]).toEqual([404, "{}"])
      expect(answer.head).toStartWith("HTTP/1.1 404 Not Found\r\n")
    },
  )
  test("if it has odd bytes in a header", async () => {
    for (const byte of "\0\x01\t\r\n\x7f\x80\x85\xad\xc2\xff")
      for (const line of [`X-A: a${byte}b`, `X${byte}A: b`, `Server-Timing: a${byte};dur=1`]) {
        bench.upstream.answer = (socket) =>
          socket.write(`HTTP/1.1 200 OK\r\n${line}\r\nContent-Length: 2\r\n\r\n{}`, "latin1")
        const { status, body } = await asked()
        expect([line, status === 200 || causeOf(body) !== undefined]).toEqual([line, true])
      }
  })
})

test("a client that never reads the end of an answer holds its connection no longer than a session", async () => {
  expect(await bench.reconfigure({ "authentication.maxSessionSeconds": 1 })).toBe(true)
  const body = JSON.stringify("x".repeat(12 * 1024))
  bench.upstream.answer = (socket) => socket.write(plainAnswer("200 OK", body))
  const connection = await bench.connect()
  connection.socket.pause()
  const token = bench.token()
  // Until the way back is full, answers count as given; the first that does not fit is the one that stands still.
  for (let count = 0; ; count += 1) {
    connection.write(request(`GET /api/unread/${count}`, { token }))
    const line = await bench.auditOf(`/api/unread/${count}`)
    if (line.cut === undefined) continue
    expect([count > 0, line.cut]).toEqual([true, "session-limit"])
    break
  }
  await bench.reconfigure({})
}, 20_000)

describe("an API server that has taken a request and does not answer it", () => {
  afterEach(() => {
    bench.upstream.alive = true
  })
  test.each([
    ["GET", 503, "ApiServerSilent"],
    ["POST", 504, "OutcomeUnknown"],
  ] as const)(
    "and gives no other sign of life either is named to the caller of a %s within 10 s",
    async (method, status, cause) => {
      bench.upstream.answer = () => {}
      bench.upstream.alive = false
      const connection = await bench.connect()
      const headers = method === "POST" ? ["Content-Length: 0"] : []
      const answer = await connection.ask(request(`${method} /api/v1/pods`, { token: bench.token(), headers }))
      expect([answer.status, causeOf(answer.body)]).toEqual([status, cause])
      expect(answer.body).toContain("api-server")
    },
    20_000,
  )
  test("but lives is waited for, because it may only be slow", async () => {
    const { promise: answered, resolve: answerNow } = Promise.withResolvers<void>()
    bench.upstream.answer = (socket) => void answered.then(() => socket.write(plainAnswer("200 OK", "{}")))
    const asked = bench.upstream.untilAskedForLife()
    const connection = await bench.connect()
    const answering = connection.ask(request("GET /api/v1/slow", { token: bench.token() }))
    await asked
    answerNow()
    expect((await answering).status).toBe(200)
  }, 20_000)
  test("is not hurried by a watch, which may be quiet for hours", async () => {
    bench.upstream.answer = () => {}
    bench.upstream.alive = false
    const watch = await bench.connect()
    watch.write(request("GET /api/v1/watched?watch=true", { token: bench.token() }))
    await bench.upstream.until((head) => head.includes("watch=true"))
    const plain = await bench.connect()
    // Asked later and refused: the watch, asked before, is not.
    expect((await plain.ask(request("GET /api/v1/pods", { token: bench.token() }))).status).toBe(503)
    expect(bench.upstream.connections[0]?.socket.destroyed).toBe(false)
    const gone = bench.auditOf("/api/v1/watched")
    watch.leave()
    expect(await gone).toMatchObject({ cut: "client-gone", code: 0 })
  }, 20_000)
})

test("without roots for the API server nobody is trusted, the system's authorities neither", async () => {
  const rootless = await startBench({ "apiServer.caFile": "/nonexistent/ca.crt" })
  try {
    const connection = await rootless.connect()
    for (const headers of [[], ["Connection: Upgrade", "Upgrade: SPDY/3.1"]]) {
      const answer = await connection.ask(request("GET /api", { token: rootless.token(), headers }))
      expect([answer.status, causeOf(answer.body)]).toEqual([503, "ServiceAccountRootsMissing"])
    }
    expect(rootless.authProxy.policy.current().api.connections).toBe(0)
  } finally {
    await rootless.stop()
  }
})

describe("a client that leaves while the API server is asked about it", () => {
  test.each([
    ["plain", []],
    ["upgrade", ["Connection: Upgrade", "Upgrade: SPDY/3.1"]],
  ])(
    "takes the question with it, and its request is never sent: %s",
    async (_, upgrade) => {
      expect(await bench.reconfigure({ impersonation: { allowNested: true } })).toBe(true)
      bench.upstream.answer = () => {}
      const connection = await bench.connect()
      const headers = ["Impersonate-User: oidc:bob", ...upgrade]
      connection.write(request("DELETE /api/v1/left", { token: bench.token(), headers }))
      await bench.upstream.until((head) => head.includes("selfsubjectaccessreviews"))
      const { socket } = bench.upstream.connections[0]!
      const closed = once(socket, "close")
      connection.leave()
      await closed
      expect(await bench.auditOf("/api/v1/left")).toMatchObject({ cut: "client-gone", code: 0 })
      expect(bench.upstream.heads.filter((head) => head.startsWith("DELETE"))).toEqual([])
      expect(bench.log.filter((line) => line.includes("could not be decided"))).toEqual([])
    },
    5_000,
  )
})
