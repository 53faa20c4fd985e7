import { describe, expect, test } from "bun:test"
import { once } from "node:events"
import type { WebSocket } from "ws"
import { connectProxy } from "../fixtures/connectProxy.ts"
import { outboundBench, rejection } from "../fixtures/outboundBench.ts"
import { connectWebSocket, MAX_REFUSAL_BYTES, OutboundInvalid, UpgradeRefused } from "../outbound.ts"

const bench = outboundBench()
const { trusting, throughProxy } = bench

async function messages(ws: WebSocket, count: number): Promise<string[]> {
  const found: string[] = []
  for await (const [message] of on(ws)) {
    found.push(String(message))
    if (found.length === count) break
  }
  return found
}

async function* on(ws: WebSocket): AsyncGenerator<[unknown]> {
  const queue: unknown[] = []
  let wake = () => {}
  ws.on("message", (message) => {
    queue.push(message)
    wake()
  })
  for (;;) {
    while (queue.length > 0) yield [queue.shift()]
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
}

async function ended(ws: WebSocket) {
  const closed = once(ws, "close")
  ws.terminate()
  await closed
}

describe("a WebSocket", () => {
  test("opens under a private authority and carries protocol, headers and messages", async () => {
    const headers = { authorization: "Bearer abc" }
    const ws = await connectWebSocket(`wss://localhost:${bench.port}/open`, {
      ca: trusting(),
      protocols: ["v1.test"],
      headers,
    })
    expect(ws.protocol).toBe("v1.test")
    expect(bench.upgrades.at(-1)?.headers).toContain("Bearer abc")
    await ended(ws)
  })

  test("loses no message that came together with the 101", async () => {
    for (let round = 0; round < 20; round++) {
      const ws = await connectWebSocket(`wss://localhost:${bench.port}/open`, { ca: trusting() })
      expect(await messages(ws, 3)).toEqual(["one", "two", "three"])
      await ended(ws)
    }
  })

  test("stays paused until its owner resumes it, when asked to", async () => {
    const ws = await connectWebSocket(`wss://localhost:${bench.port}/open`, { ca: trusting(), startPaused: true })
    await new Promise((resolve) => setImmediate(resolve))
    expect(ws.isPaused).toBe(true)
    const arrived = messages(ws, 3)
    ws.resume()
    expect(await arrived).toEqual(["one", "two", "three"])
    await ended(ws)
  })

  test("opens through a proxy with basic authentication, with verified TLS to the target", async () => {
    const ws = await connectWebSocket("wss://relay.test/open", { ca: trusting(), proxy: throughProxy() })
    expect(bench.proxy.asked.at(-1)).toBe("relay.test:443")
    expect(await messages(ws, 3)).toHaveLength(3)
    await ended(ws)
  })

  test("opens through a proxy that is itself spoken to over TLS", async () => {
    const secure = await connectProxy({ tls: bench.leaf, route: () => ({ port: bench.port }) })
    const ws = await connectWebSocket("wss://relay.test/open", { ca: trusting(), proxy: { httpsProxy: secure.url } })
    await ended(ws)
    await secure.close()
  })

  test("gives status, headers and body of a refused upgrade", async () => {
    const error = await rejection(connectWebSocket(`wss://localhost:${bench.port}/refused`, { ca: trusting() }))
    expect(error).toBeInstanceOf(UpgradeRefused)
    expect(error).toMatchObject({ status: 403, body: '{"reason":"no"}', truncated: false })
    expect((error as UpgradeRefused).headers["x-why"]).toBe("policy")
  })

  test("keeps at most 64 KiB of a refusal's body", async () => {
    const error = await rejection(connectWebSocket(`wss://localhost:${bench.port}/long`, { ca: trusting() }))
    expect(error).toMatchObject({ _tag: "UpgradeRefused", status: 500, truncated: true })
    expect((error as UpgradeRefused).body).toHaveLength(MAX_REFUSAL_BYTES)
  })

  test("reports a refusal whose body never ends as the refusal that it is", async () => {
    const options = { ca: trusting(), handshakeTimeoutMillis: 1500 }
    const error = await rejection(connectWebSocket(`wss://localhost:${bench.port}/unfinished`, options))
    expect(error).toMatchObject({ _tag: "UpgradeRefused", status: 503, body: "begun", truncated: true })
  })

  test("is given up when the handshake takes too long, with the stage reached", async () => {
    const error = await rejection(
      connectWebSocket(`wss://localhost:${bench.port}/silent`, { ca: trusting(), handshakeTimeoutMillis: 800 }),
    )
    expect(error).toMatchObject({ _tag: "Unreachable", stage: "http", code: "ETIMEDOUT" })
  })

  test("is given up when the caller aborts, with the caller's reason", async () => {
    const controller = new AbortController()
    const pending = rejection(
      connectWebSocket(`wss://localhost:${bench.port}/silent`, { ca: trusting(), signal: controller.signal }),
    )
    controller.abort(new Error("changed my mind"))
    expect(await pending).toMatchObject({ message: "changed my mind" })
    expect(
      await rejection(connectWebSocket(`wss://localhost:${bench.port}/open`, { signal: controller.signal })),
    ).toMatchObject({
      message: "changed my mind",
    })
  })

  test("has only ws and wss URLs", async () => {
    expect(await rejection(connectWebSocket("https://localhost/"))).toBeInstanceOf(OutboundInvalid)
  })
})
