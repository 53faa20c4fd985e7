import { expect, test } from "bun:test"
import { Effect } from "effect"
import type { WebSocket } from "ws"
import { callerHash } from "../../identity/callerHash.ts"
import { connectWebSocket, UpgradeRefused } from "../../platform/outbound.ts"
import { callerHashHeader, clientAddressHeader, instanceHeader, path, streamProtocol } from "../../protocol/names.ts"
import { openStream } from "../../protocol/stream/ClientStream.ts"
import type { StreamEvent } from "../../protocol/stream/streamEvents.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { type AuthProxyBench, request, startBench } from "./testing/AuthProxyBench.ts"

const carrier = (bench: AuthProxyBench, instance?: string): Promise<WebSocket> =>
  connectWebSocket(`ws://127.0.0.1:${bench.authProxy.port}${path.authProxyCarrier}`, {
    protocols: [streamProtocol],
    headers: {
      [callerHashHeader]: callerHash(bench.issuer.url, "alice"),
      [clientAddressHeader]: "192.0.2.1",
      ...(instance === undefined ? {} : { [instanceHeader]: instance }),
    },
    handshakeTimeoutMillis: 10_000,
    maxPayloadBytes: 1 << 20,
  })

const stream = async (bench: AuthProxyBench) => {
  const carriers: WebSocket[] = []
  const resumed = Promise.withResolvers<StreamEvent>()
  const opened = await openStream({
    budget: new WindowBudget(1 << 20),
    dial: async ({ instance }) => {
      const socket = await carrier(bench, instance)
      carriers.push(socket)
      return socket
    },
    onEvent: (event) => event.type === "resumed" && resumed.resolve(event),
  })
  opened.socket.on("error", () => {})
  return { opened, carriers, resumed: resumed.promise }
}

test("a draining auth proxy refuses new streams by name before their upgrade, so that the agent asks another one", async () => {
  const bench = await startBench({}, { drainMillis: 30_000 })
  try {
    const { opened } = await stream(bench)
    const drained = Effect.runPromise(bench.authProxy.drain)
    const refused = await carrier(bench).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(refused).toBeInstanceOf(UpgradeRefused)
    expect((refused as UpgradeRefused).status).toBe(503)
    expect((refused as UpgradeRefused).body).toContain("AuthProxyDraining")
    opened.destroy()
    await drained
  } finally {
    await bench.stop()
  }
})

test("a stream whose carrier is cut during the drain comes back to the same auth proxy, which waits for it", async () => {
  const bench = await startBench({}, { drainMillis: 30_000 })
  try {
    const { opened, carriers, resumed } = await stream(bench)
    let isDrained = false
    const drained = Effect.runPromise(bench.authProxy.drain).then(() => {
      isDrained = true
    })
    carriers[0]!.terminate()
    await resumed
    await opened.probe()
    expect([carriers.length, opened.draining, isDrained]).toEqual([2, true, false])
    opened.destroy()
    await drained
  } finally {
    await bench.stop()
  }
})

test("a draining auth proxy whose account is gone ends what is open instead of waiting for it", async () => {
  const bench = await startBench({}, { drainMillis: 600_000 })
  try {
    bench.upstream.answer = (socket) => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    const watching = await bench.connect()
    watching.write(request("GET /api/v1/pods?watch=true", { token: bench.token() }))
    await bench.upstream.until((head) => head.includes("watch=true"))
    bench.upstream.knowsAccount = false
    // As the program drains: while it is being interrupted.
    await Effect.runPromise(Effect.uninterruptible(bench.authProxy.drain))
    const last = JSON.parse(bench.log.at(-1) ?? "{}")
    expect(last).toMatchObject({ message: "drained", streamsCut: 1 })
    expect(bench.log.some((line) => line.includes("does not know this account any more"))).toBe(true)
  } finally {
    await bench.stop()
  }
})
