/** Limits of the auth proxy, each at its bound: what the peer gets, and where the operator sees it. */
import { afterEach, describe, expect, test } from "bun:test"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { Effect } from "effect"
import { causeOf, request, startBench } from "../../agent/authproxy/testing/AuthProxyBench.ts"
import { callerHashHeader, clientAddressHeader, path, streamProtocol } from "../../protocol/names.ts"
import { maxTombstones } from "../../protocol/stream/StreamServer.ts"
import { metricValue } from "./metricValue.ts"

const stack: (() => unknown)[] = []
afterEach(async () => {
  for (const undo of stack.splice(0).reverse()) await undo()
})
const bench = async (...options: Parameters<typeof startBench>) => {
  const started = await startBench(...options)
  stack.push(() => started.stop())
  return started
}
const refused = (reason: string) => metricValue("clusterconnect_auth_proxy_streams_refused_total", `reason="${reason}"`)
const failure = (opening: Promise<unknown>) =>
  opening.then(
    () => new Error("the stream was opened"),
    (error: Error) => error,
  )

describe("streams", () => {
  test("of one caller beyond limits.streamsPerCaller are refused by name, and another caller is served", async () => {
    const before = refused("too-many-streams-of-caller")
    const { openStream } = await bench({ "limits.streamsPerCaller": 2 })
    for (let open = 0; open < 2; open += 1) {
      const stream = await openStream()
      stack.push(() => stream.destroy())
    }
    expect((await failure(openStream())).message).toContain("too-many-streams-of-caller")
    expect(refused("too-many-streams-of-caller")).toBe(before + 1)
    const other = await openStream(undefined, "bob")
    other.destroy()
  })

  test("of all callers beyond limits.streams are refused by name", async () => {
    const before = refused("too-many-streams")
    const { openStream } = await bench({ "limits.streams": 2 })
    for (const subject of ["alice", "bob"]) {
      const stream = await openStream(undefined, subject)
      stack.push(() => stream.destroy())
    }
    expect((await failure(openStream(undefined, "carol"))).message).toContain("too-many-streams")
    expect(refused("too-many-streams")).toBe(before + 1)
  })
})

describe("end-to-end connections", () => {
  test("without a TLS handshake end after their time, and are counted", async () => {
    const series = ["clusterconnect_auth_proxy_tls_handshakes_total", 'outcome="timeout"'] as const
    const before = metricValue(...series)
    const { openStream } = await bench({}, { limits: { tlsMillis: 50 } })
    const stream = await openStream()
    expect((await stream.ended).reason).toBe("tls-timeout")
    expect(metricValue(...series)).toBe(before + 1)
  })

  test.each([
    ["a head that does not end", "headTimeout", { headMillis: 50 }, "GET /api HTTP/1.1\r\nHost:"],
    ["no request at all", "idleTimeout", { idleMillis: 50 }, ""],
  ])("with %s end after their time, and are counted", async (_, end, limits, text) => {
    const series = ["clusterconnect_auth_proxy_connections_ended_total", `end="${end}"`] as const
    const before = metricValue(...series)
    const raw = await (await bench({}, { limits })).connect()
    raw.write(text)
    await raw.ended
    expect(metricValue(...series)).toBe(before + 1)
  })

  test("with a head beyond 64 KiB get a Status, and nothing of it reaches the API server", async () => {
    const { connect: open, token, upstream } = await bench()
    const raw = await open()
    const answer = await raw.ask(request("GET /api", { token: token(), headers: [`X-Large: ${"x".repeat(65_536)}`] }))
    expect([answer.status, causeOf(answer.body)]).toEqual([400, "MalformedRequest"])
    expect(upstream.heads).toEqual([])
  })
})

test("a token beyond 16 KiB is 401 and named, before anything is fetched for it", async () => {
  const series = ["clusterconnect_auth_proxy_requests_total", 'code="4xx",by="TokenTooLarge"'] as const
  const before = metricValue(...series)
  const { connect: open, token, upstream, auditOf } = await bench()
  const raw = await open()
  const answer = await raw.ask(request("GET /api", { token: token({ groups: ["g".repeat(16_384)] }) }))
  expect([answer.status, causeOf(answer.body)]).toEqual([401, "TokenTooLarge"])
  await auditOf("/api")
  expect(metricValue(...series)).toBe(before + 1)
  expect(upstream.heads).toEqual([])
})

test("more than 64 values to impersonate in one request are refused, and named", async () => {
  const { connect: open, token, upstream } = await bench({ "impersonation.allowNested": true })
  const raw = await open()
  const groups = Array.from({ length: 64 }, (_, index) => `Impersonate-Group: g${index}`)
  const answer = await raw.ask(request("GET /api", { token: token(), headers: ["Impersonate-User: bob", ...groups] }))
  expect([answer.status, causeOf(answer.body)]).toEqual([403, "ImpersonationHeaderRefused"])
  expect(upstream.heads).toEqual([])
})

test("sockets on the carrier port that send no upgrade are closed beyond 1,024, and are counted", async () => {
  const series = ["clusterconnect_auth_proxy_carrier_connections_refused_total", 'limit="unauthenticated"'] as const
  const before = metricValue(...series)
  const { authProxy } = await bench()
  const sockets: Socket[] = []
  stack.push(() => sockets.forEach((socket) => void socket.destroy()))
  const open = async () => {
    const socket = connect(authProxy.port, "127.0.0.1")
    sockets.push(socket)
    socket.on("error", () => {})
    await once(socket, "connect")
    return socket
  }
  for (let batch = 0; batch < 8; batch += 1) await Promise.all(Array.from({ length: 128 }, open))
  await once((await open()).resume(), "close")
  expect(metricValue(...series)).toBe(before + 1)
})

test("sockets on the carrier port are closed at once beyond 8,192, those with an upgrade included, and are counted", async () => {
  const series = ["clusterconnect_auth_proxy_carrier_connections_refused_total", 'limit="connections"'] as const
  const before = metricValue(...series)
  const { authProxy } = await bench()
  const sockets: Socket[] = []
  stack.push(() => sockets.forEach((socket) => void socket.destroy()))
  const head = [
    `GET ${path.authProxyCarrier} HTTP/1.1`,
    ...["Host: x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
    ...["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", `Sec-WebSocket-Protocol: ${streamProtocol}`],
    ...[`${callerHashHeader}: ${"a".repeat(43)}`, `${clientAddressHeader}: 203.0.113.7`],
  ].join("\r\n")
  const open = async () => {
    const socket = connect(authProxy.port, "127.0.0.1")
    sockets.push(socket)
    socket.on("error", () => {})
    await once(socket, "connect")
    return socket
  }
  const upgraded = async () => {
    const socket = await open()
    socket.write(`${head}\r\n\r\n`)
    expect(String((await once(socket, "data"))[0])).toStartWith("HTTP/1.1 101 ")
  }
  for (let batch = 0; batch < 64; batch += 1) await Promise.all(Array.from({ length: 128 }, upgraded))
  await once((await open()).resume(), "close")
  expect(metricValue(...series)).toBe(before + 1)
}, 60_000)

test("ended streams are remembered up to 8,192: beyond that the oldest is unknown, which is an end too", async () => {
  const { authProxy, openStream } = await bench()
  const tombstones = async () =>
    ((await Effect.runPromise(authProxy.status)) as { streams: { tombstones: number } }).streams.tombstones
  while ((await tombstones()) < maxTombstones) {
    const streams = await Promise.all(Array.from({ length: 64 }, (_, index) => openStream(undefined, `user-${index}`)))
    for (const stream of streams) stream.destroy()
    await Promise.all(streams.map((stream) => stream.ended))
  }
  const stream = await openStream()
  stream.destroy()
  await stream.ended
  expect(await tombstones()).toBe(maxTombstones)
}, 300_000)
