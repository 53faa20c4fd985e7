import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { type AuthProxyBench, causeOf, request, startBench } from "./testing/AuthProxyBench.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())
afterEach(() => {
  bench.upstream.heads.length = 0
  bench.upstream.connections.length = 0
})

/** A request that a smuggler hopes will be taken for one of its own. */
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

describe("S8: is refused, and the API server sees nothing:", () => {
  test.each([
    ["CL.TE", ["Content-Length: 6", "Transfer-Encoding: chunked"], "0\r\n\r\nG"],
    ["TE.CL", ["Transfer-Encoding: chunked", "Content-Length: 4"], `2\r\nab\r\n0\r\n\r\n${smuggled}`],
    ["TE.TE", ["Transfer-Encoding: chunked", "Transfer-Encoding: x"], `0\r\n\r\n${smuggled}`],
    ["two equal lengths", ["Content-Length: 2", "Content-Length: 2"], "{}"],
    ["two different lengths", ["Content-Length: 2", "Content-Length: 40"], `{}${smuggled}`],
    ["xchunked", ["Transfer-Encoding: xchunked"], `0\r\n\r\n${smuggled}`],
    ["gzip, chunked", ["Transfer-Encoding: gzip, chunked"], `0\r\n\r\n${smuggled}`],
    ["chunked with a vertical tab", ["Transfer-Encoding: \u000bchunked"], `0\r\n\r\n${smuggled}`],
    ["a blank before the colon", ["Transfer-Encoding : chunked"], `0\r\n\r\n${smuggled}`],
    ["a folded line", ["X: y\r\n Transfer-Encoding: chunked"], `0\r\n\r\n${smuggled}`],
    ["a chunk size that is no number", ["Transfer-Encoding: chunked"], `zz\r\n\r\n${smuggled}`],
    ["two Host lines", ["Host: other"], ""],
    ["two Authorization lines", ["Authorization: Bearer x"], ""],
  ])("%s", async (_, headers, body) => {
    const connection = await bench.connect()
    const answer = await connection
      .ask(request("POST /api/v1/namespaces", { token: bench.token(), headers, body }))
      .catch(() => undefined)
    expect(answer === undefined ? 400 : answer.status).toBe(400)
    await connection.ended
    expect(bench.upstream.connections.map(({ received }) => received).join("")).not.toContain("smuggled")
    expect(bench.upstream.heads).toEqual([])
  })

  test("chunks on HTTP/1.0", async () => {
    const connection = await bench.connect()
    const text = request("POST /api/v1/namespaces", {
      token: bench.token(),
      headers: ["Transfer-Encoding: chunked"],
      body: `0\r\n\r\n${smuggled}`,
    })
    const answer = await connection.ask(text.replace("HTTP/1.1", "HTTP/1.0")).catch(() => undefined)
    expect(answer?.status ?? 400).toBeGreaterThanOrEqual(400)
    await connection.ended
    expect(bench.upstream.heads).toEqual([])
  })

  test("a request without Host, and its Status names the cause", async () => {
    const connection = await bench.connect()
    const answer = await connection.ask(`GET /api HTTP/1.1\r\nAuthorization: Bearer ${bench.token()}\r\n\r\n`)
    expect([answer.status, causeOf(answer.body)]).toEqual([400, "HostMissing"])
    expect(bench.upstream.heads).toEqual([])
  })
})

test.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])(
  "S8: a chunked body is framed anew whatever the method, so that no request can hide in it: %s",
  async (method) => {
    const body = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\nImpersonate-User: admin\r\n\r\n"
    const arrived = Promise.withResolvers<string>()
    bench.upstream.answer = (socket, head, connection) => {
      const look = () => {
        const sent = connection.received.slice(connection.received.indexOf(head) + head.length)
        if (sent.endsWith("\r\n0\r\n\r\n")) arrived.resolve(sent)
      }
      socket.on("data", look)
      look()
    }
    const connection = await bench.connect()
    const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    const headers = ["Transfer-Encoding: chunked"]
    connection.write(request(`${method} /api/framed`, { token: bench.token(), headers, body: chunked }))
    expect(await arrived.promise).toBe(chunked)
    expect(bench.upstream.heads).toHaveLength(1)
    connection.leave()
    bench.upstream.answer = (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
  },
)

test("S8: chunk extensions end at the auth proxy; the body is framed anew and arrives whole", async () => {
  const connection = await bench.connect()
  const body = '3;a="b\r\n";c\r\n'
  const broken = await connection
    .ask(request("POST /api/v1/x", { token: bench.token(), headers: ["Transfer-Encoding: chunked"], body }))
    .catch(() => undefined)
  expect(broken?.status ?? 400).toBe(400)
  bench.upstream.connections.length = 0
  const second = await bench.connect()
  bench.upstream.answer = (socket, _head, recorded) => {
    const done = () =>
      recorded.received.includes("0\r\n\r\n") && socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    if (!done()) socket.on("data", done)
  }
  await second.ask(
    request("POST /api/v1/y", {
      token: bench.token(),
      headers: ["Transfer-Encoding: chunked"],
      body: "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    }),
  )
  const received = bench.upstream.connections.at(-1)?.received ?? ""
  const [, sent = ""] = received.split("\r\n\r\n")
  expect(received).not.toContain("ext")
  expect(received.match(/Transfer-Encoding: chunked/g)).toHaveLength(1)
  expect(received.slice(received.indexOf("\r\n\r\n")).replace(/\r\n[0-9a-f]+\r\n|\r\n/g, "")).toContain("abc")
  expect(sent).not.toBe("")
  bench.upstream.answer = (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
})

describe("S9: a target that could be read in two ways is a 400, and the API server sees nothing:", () => {
  test.each([
    ["GET http://kubernetes.default.svc/api", "TargetNotOriginForm"],
    ["GET //kubernetes.default.svc/api", "TargetNotOriginForm"],
    ["OPTIONS *", "TargetNotOriginForm"],
    ["GET /api/v1/../../metrics", "TargetDotSegment"],
    ["GET /api/v1/%2e%2e/%2e%2e/metrics", "TargetDotSegment"],
    ["GET /api//v1", "TargetEmptySegment"],
    ["GET /api\\v1", "TargetBackslash"],
    ["GET /api/v1/nodes/n%2fproxy", "TargetEncodedSlash"],
    ["GET /api#x", "TargetBadCharacter"],
    ["TRACE /api", "MethodRefused"],
    ["OPTIONS /api/v1/pods", "MethodRefused"],
  ])("%s", async (line, cause) => {
    const connection = await bench.connect()
    const answer = await connection.ask(request(line, { token: bench.token() }))
    expect([answer.status >= 400 && answer.status < 500, causeOf(answer.body)]).toEqual([true, cause])
    expect(bench.upstream.heads).toEqual([])
  })

  test("CONNECT", async () => {
    const connection = await bench.connect()
    const answer = await connection
      .ask(request("CONNECT kubernetes.default.svc:443", { token: bench.token() }))
      .catch(() => undefined)
    expect(answer?.status ?? 400).toBeGreaterThanOrEqual(400)
    expect(bench.upstream.heads).toEqual([])
  })
})

test("S9: what passes goes on byte for byte", async () => {
  const target = "/api/v1/namespaces/d/services/https:web:443/proxy/a//b%2Fc%20d?x=%2e%2e&y=a+b&command=%00"
  const connection = await bench.connect()
  await connection.ask(request(`GET ${target}`, { token: bench.token() }))
  expect(bench.upstream.heads[0]?.split("\r\n")[0]).toBe(`GET ${target} HTTP/1.1`)
})

test("a request before the answer to the one before it is refused, and cuts the connection", async () => {
  const connection = await bench.connect()
  connection.write(
    request("GET /api/one", { token: bench.token() }) + request("GET /api/two", { token: bench.token() }),
  )
  await connection.ended
  expect(await bench.auditOf("/api/two")).toMatchObject({ code: 400, answeredBy: "PipeliningRefused" })
  expect(bench.upstream.heads.filter((head) => head.includes("/api/two"))).toEqual([])
})

test("requests one after the other share a connection, each authenticated by itself", async () => {
  const connection = await bench.connect()
  const first = await connection.ask(request("GET /api/one", { token: bench.token() }))
  const second = await connection.ask(request("GET /api/two"))
  const third = await connection.ask(request("GET /api/three", { token: bench.token({ sub: "bob" }) }))
  expect([first.status, second.status, causeOf(second.body), third.status]).toEqual([200, 401, "TokenMissing", 200])
  expect(bench.upstream.heads.map((head) => head.split(" ")[1])).toEqual(["/api/one", "/api/three"])
})

test("a head that does not end within its time closes the connection", async () => {
  const slow = await startBench({}, { limits: { headMillis: 50 } })
  try {
    const connection = await slow.connect()
    connection.write("GET /api HTTP/1.1\r\nHost: x\r\n")
    await connection.ended
    expect(slow.upstream.heads).toEqual([])
  } finally {
    await slow.stop()
  }
})

test("a head beyond 64 KiB is refused", async () => {
  const connection = await bench.connect()
  const answer = await connection
    .ask(request("GET /api", { headers: [`X-Large: ${"x".repeat(70_000)}`] }))
    .catch(() => undefined)
  expect(answer?.status ?? 431).toBeGreaterThanOrEqual(400)
  await connection.ended
  expect(bench.upstream.heads).toEqual([])
})
