import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import net from "node:net"
import { Effect } from "effect"
import { callerHashHeader, clientAddressHeader, instanceHeader, streamProtocol } from "../../protocol/names.ts"
import { type AuthProxyBench, causeOf, request, startBench } from "./testing/AuthProxyBench.ts"
import { plainAnswer } from "./testing/RecordingServer.ts"

interface StatusReport {
  readonly configuration: { readonly hash: string; readonly failure?: string }
  readonly servingCertificate: { readonly fingerprint256: string }
}

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

const statusOf = async (on: AuthProxyBench) => (await Effect.runPromise(on.authProxy.status)) as StatusReport
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("end-to-end TLS", () => {
  test("is 1.3 with http/1.1", async () => {
    const { socket } = await bench.connect()
    expect([socket.getProtocol(), socket.alpnProtocol]).toEqual(["TLSv1.3", "http/1.1"])
  })
  test("is refused below 1.3", async () => {
    await expect(bench.connect({ maxVersion: "TLSv1.2" })).rejects.toThrow()
  })
  test("is refused for another protocol than http/1.1", async () => {
    await expect(bench.connect({ ALPNProtocols: ["h2"] })).rejects.toThrow()
  })
  test("that does not begin in time ends the stream", async () => {
    const hasty = await startBench({}, { limits: { tlsMillis: 50 } })
    try {
      const stream = await hasty.openStream()
      stream.socket.on("error", () => {})
      expect((await stream.ended).reason).toBe("tls-timeout")
    } finally {
      await hasty.stop()
    }
  })
  test("of more streams than may shake hands at once comes to all of them in turn", async () => {
    const narrow = await startBench({}, { limits: { maxHandshakes: 2 } })
    try {
      const connections = await Promise.all(Array.from({ length: 12 }, () => narrow.connect()))
      const answers = await Promise.all(
        connections.map((one) => one.ask(request("GET /api", { token: narrow.token() }))),
      )
      expect(answers.map(({ status }) => status)).toEqual(connections.map(() => 200))
    } finally {
      await narrow.stop()
    }
  })
  test("of one caller that never ends leaves room for another caller's", async () => {
    const narrow = await startBench({}, { limits: { maxHandshakes: 8 } })
    try {
      const stalled = await Promise.all(Array.from({ length: 12 }, () => narrow.openStream()))
      for (const { socket } of stalled) socket.on("error", () => {})
      const connection = await narrow.connect({}, "bob")
      expect((await connection.ask(request("GET /api", { token: narrow.token({ sub: "bob" }) }))).status).toBe(200)
      for (const stream of stalled) stream.destroy()
    } finally {
      await narrow.stop()
    }
  })
  test("takes a renewed certificate for new connections and keeps the old ones", async () => {
    const before = await bench.connect()
    const fingerprint = before.socket.getPeerCertificate().fingerprint256
    await bench.renewCertificate()
    while ((await statusOf(bench)).servingCertificate.fingerprint256 === fingerprint) await turn()
    const after = await bench.connect()
    expect(after.socket.getPeerCertificate().fingerprint256).not.toBe(fingerprint)
    expect((await before.ask(request("GET /api", { token: bench.token() }))).status).toBe(200)
  })
})

describe("the carrier port", () => {
  const upgrade = (headers: readonly string[], path = "/v1/carrier") =>
    new Promise<string>((resolve, reject) => {
      const socket = net.connect(bench.authProxy.port, "127.0.0.1")
      let text = ""
      socket.on("error", reject)
      socket.on("data", (chunk) => {
        text += chunk.toString()
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
        if (text.includes("\r\n\r\n") && text.length >= text.indexOf("\r\n\r\n") + 4 + length) {
          socket.destroy()
          resolve(text)
        }
      })
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`,
      )
    })
  const good = [
    `Sec-WebSocket-Protocol: ${streamProtocol}`,
    `${callerHashHeader}: ${"a".repeat(43)}`,
    `${clientAddressHeader}: 203.0.113.7`,
  ]
  const without = (header: string, ...instead: string[]) => [
    ...good.filter((line) => !line.startsWith(header)),
    ...instead,
  ]

  test("takes a carrier with all headers", async () => expect(await upgrade(good)).toStartWith("HTTP/1.1 101"))
  test.each([
    ["no caller hash", without(callerHashHeader), 400, "CarrierHeaderInvalid"],
    [
      "a caller hash that is none",
      without(callerHashHeader, `${callerHashHeader}: alice`),
      400,
      "CarrierHeaderInvalid",
    ],
    ["two caller hashes", [...good, `${callerHashHeader}: ${"b".repeat(43)}`], 400, "CarrierHeaderInvalid"],
    ["no client address", without(clientAddressHeader), 400, "CarrierHeaderInvalid"],
    [
      "a client address with more in it",
      without(clientAddressHeader, `${clientAddressHeader}: 10.0.0.1, 127.0.0.1`),
      400,
      "CarrierHeaderInvalid",
    ],
    [
      "another subprotocol",
      without("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: v9.stream.clusterconnect.dev"),
      400,
      "CarrierProtocolUnknown",
    ],
    ["the instance of another process", [...good, `${instanceHeader}: 127.0.0.1:1#another`], 409, "InstanceGone"],
  ] as const)("refuses %s", async (_, headers, status, cause) => {
    const text = await upgrade(headers)
    expect(text).toStartWith(`HTTP/1.1 ${status}`)
    expect(causeOf(text.slice(text.indexOf("\r\n\r\n") + 4))).toBe(cause)
  })
  test("knows one path", async () => expect(await upgrade(good, "/v1/carriers")).toStartWith("HTTP/1.1 404"))
  test("names the address that was dialled and its own nonce as instance", async () => {
    const stream = await bench.openStream()
    expect(stream.instance).toMatch(new RegExp(`^127\\.0\\.0\\.1:${bench.authProxy.port}#[\\w-]{22}$`))
    stream.destroy()
  })
})
