import { expect, test } from "bun:test"
import { once } from "node:events"
import fc from "fast-check"
import { reason } from "../core/reasons.ts"
import { authProxyGone, CarrierRefused, StreamNotAccepted } from "./CarrierRefused.ts"
import { StreamReset } from "./streamEvents.ts"
import { fixture, receive, receiveBytes, send } from "./streamFixture.ts"

const mebibyte = 1024 * 1024
const timeoutMillis = 60_000

test(
  "64 MiB in both directions at once arrive byte for byte, and both ends are clean",
  async () => {
    await using path = await fixture()
    const { client, server } = await path.open()
    const [up, down, atServer, atClient] = await Promise.all([
      send(client.socket, 64 * mebibyte),
      send(server.socket, 64 * mebibyte),
      receive(server.socket),
      receive(client.socket),
    ])
    expect(atServer).toEqual({ sha256: up, bytes: 64 * mebibyte })
    expect(atClient).toEqual({ sha256: down, bytes: 64 * mebibyte })
    const end = { reason: reason.closed, bytesSent: 64 * mebibyte, bytesReceived: 64 * mebibyte }
    expect(await client.ended).toEqual(end)
    expect(await server.ended).toEqual(end)
    expect(client.state).toBe("ended")
    expect(path.server.streams).toBe(0)
  },
  timeoutMillis,
)

test("closing right after the last write loses nothing", async () => {
  await using path = await fixture()
  const { client, server } = await path.open()
  const arrived = receive(server.socket)
  const sent = await send(client.socket, 3 * mebibyte + 1)
  expect(await arrived).toEqual({ sha256: sent, bytes: 3 * mebibyte + 1 })
})

for (const first of ["client", "server"] as const)
  test(`after the ${first} has ended its direction the other one goes on`, async () => {
    await using path = await fixture()
    const streams = await path.open()
    const [early, late] = first === "client" ? [streams.client, streams.server] : [streams.server, streams.client]
    early.socket.end("last words")
    late.socket.resume()
    await once(late.socket, "end")
    const rest = receive(early.socket)
    const sent = await send(late.socket, 2 * mebibyte)
    expect(await rest).toEqual({ sha256: sent, bytes: 2 * mebibyte })
    expect((await streams.client.ended).reason).toBe(reason.closed)
    expect((await streams.server.ended).reason).toBe(reason.closed)
  })

test(
  "carriers killed again and again while bytes flow both ways change no byte",
  async () => {
    await using path = await fixture()
    const { client, server } = await path.open()
    const total = 48 * mebibyte
    const moments = fc.sample(fc.integer({ min: 1, max: 40 }), 100)
    const stop = new AbortController()
    const killing = (async () => {
      for (let round = 1; !stop.signal.aborted; round += 1) {
        // At a random moment of the flow: after some reads of either side, then without warning.
        const socket = round % 2 === 0 ? client.socket : server.socket
        for (let reads = moments[round % moments.length]!; reads > 0; reads -= 1)
          await once(socket, "data", { signal: stop.signal }).catch(() => {})
        if (round % 3 === 0) path.path.close(4001, "moved")
        else path.path.cut()
        if (!stop.signal.aborted)
          await Promise.race([path.event("client", "resumed", round), once(stop.signal, "abort")])
      }
    })()
    const [up, down, atServer, atClient] = await Promise.all([
      send(client.socket, total),
      send(server.socket, total),
      receive(server.socket),
      receive(client.socket),
    ])
    stop.abort()
    await killing
    expect(atServer).toEqual({ sha256: up, bytes: total })
    expect(atClient).toEqual({ sha256: down, bytes: total })
    expect((await client.ended).reason).toBe(reason.closed)
    expect(path.clientEvents.filter((event) => event.type === "resumed").length).toBeGreaterThan(3)
  },
  timeoutMillis,
)

test("a stream that is quiet while its carrier is lost resumes and carries on", async () => {
  await using path = await fixture()
  const { client, server } = await path.open()
  client.socket.write("before")
  expect((await receiveBytes(server.socket, 6)).toString()).toBe("before")
  path.path.cut()
  await path.event("client", "resumed")
  expect(client.state).toBe("attached")
  server.socket.write("after")
  expect((await receiveBytes(client.socket, 5)).toString()).toBe("after")
  expect(path.path.attempts.at(-1)).toMatchObject({ generation: 2, instance: "127.0.0.1:1#boot" })
})

test("what is written while the stream is suspended arrives after the resume", async () => {
  await using path = await fixture()
  const { client, server } = await path.open()
  path.path.refuse(new CarrierRefused({ status: 503, body: "", retriable: true, code: "no-agent" }))
  path.path.cut()
  await path.event("client", "dialFailed", 2)
  expect(client.state).toBe("suspended")
  await expect(client.probe()).rejects.toBeInstanceOf(StreamNotAccepted)
  client.socket.write("up")
  server.socket.write("down")
  path.path.refuse(undefined)
  expect((await receiveBytes(server.socket, 2)).toString()).toBe("up")
  expect((await receiveBytes(client.socket, 4)).toString()).toBe("down")
})

test("a slow reader stops the writer at the far end, and both budgets stay within the window", async () => {
  await using path = await fixture()
  const { client, server } = await path.open()
  server.socket.pause()
  const chunk = Buffer.alloc(64 * 1024)
  let accepted = 0
  // Writes as long as the kernel takes them; the second time it does not drain, everything below is full.
  const fill = () => {
    while (client.socket.write(chunk)) accepted += chunk.byteLength
  }
  fill()
  client.socket.on("drain", fill)
  let last = -1
  while (last !== accepted) {
    last = accepted
    await client.probe()
    await client.probe()
  }
  // Two kernel socket buffers of about 208 KiB, the window, and what a Node socket keeps itself.
  expect(accepted).toBeLessThan(2 * mebibyte)
  expect(path.serverBudget.usedBytes).toBeLessThanOrEqual(512 * 1024)
  expect(path.clientBudget.usedBytes).toBeLessThanOrEqual(512 * 1024)
  client.socket.off("drain", fill)
  const drained = accepted
  let got = 0
  server.socket.on("data", (bytes: Buffer) => {
    got += bytes.byteLength
    if (got >= drained) server.socket.emit("enough")
  })
  const enough = once(server.socket, "enough")
  server.socket.resume()
  await enough
})

test("without budget a stream still flows on its floor of 16 KiB", async () => {
  const { WindowBudget } = await import("./WindowBudget.ts")
  const budget = new WindowBudget(0)
  await using path = await fixture({ budget })
  const { client, server } = await path.open({ budget })
  const arrived = receive(server.socket)
  const sent = await send(client.socket, mebibyte)
  expect(await arrived).toEqual({ sha256: sent, bytes: mebibyte })
  expect(budget.usedBytes).toBe(0)
})

test("when the hold time is over without a carrier, both ends end and nothing is left", async () => {
  await using path = await fixture({ holdMillis: 300 })
  const { client, server } = await path.open({ holdMillis: 200 })
  const failed = once(client.socket, "error")
  path.path.refuse(new CarrierRefused({ status: 503, body: "", retriable: true, code: "no-agent" }))
  path.path.cut()
  expect((await client.ended).reason).toBe(reason.holdExpired)
  expect((await server.ended).reason).toBe(reason.holdExpired)
  expect((await failed)[0]).toBeInstanceOf(StreamReset)
  expect(server.socket.destroyed).toBe(true)
  expect(path.server.streams).toBe(0)
  expect(path.clientBudget.usedBytes).toBe(0)
  expect(path.serverBudget.usedBytes).toBe(0)
})

test("a definite refusal of a resume ends the stream with its word", async () => {
  await using path = await fixture()
  const { client } = await path.open()
  path.path.refuse(new CarrierRefused({ status: 401, body: "", retriable: true, code: "relay-token-expired" }))
  path.path.cut()
  expect((await client.ended).reason).toBe("relay-token-expired")
})

test("an instance that is definitely gone ends the stream with auth-proxy-gone", async () => {
  await using path = await fixture()
  const { client } = await path.open()
  path.path.refuse(new CarrierRefused({ status: 409, body: "", retriable: false, code: authProxyGone }))
  path.path.cut()
  expect((await client.ended).reason).toBe(reason.authProxyGone)
})

test("close code 4003 ends the proxy's end at once and without a dial", async () => {
  await using path = await fixture()
  const { client } = await path.open()
  path.path.close(4003, "revoked")
  expect((await client.ended).reason).toBe(reason.revoked)
  expect(path.path.attempts).toHaveLength(1)
})

test("a refused first dial rejects the opening with that refusal", async () => {
  await using path = await fixture()
  path.path.refuse(new CarrierRefused({ status: 403, body: "{}", retriable: false, code: "forbidden" }))
  await expect(path.open()).rejects.toMatchObject({ _tag: "CarrierRefused", status: 403, code: "forbidden" })
})

test("destroying the proxy's end resets the auth proxy's, and the socket there fails instead of ending", async () => {
  await using path = await fixture()
  const { client, server } = await path.open()
  const failed = once(server.socket, "error")
  client.destroy("user-left")
  expect((await client.ended).reason).toBe("user-left")
  expect((await server.ended).reason).toBe("user-left")
  expect((await failed)[0]).toMatchObject({ name: "StreamReset", reason: "user-left" })
})

test("closeAll resets every stream with the reason given", async () => {
  await using path = await fixture()
  const first = await path.open()
  const second = await path.open()
  path.server.closeAll(reason.authProxyDraining)
  expect((await first.client.ended).reason).toBe(reason.authProxyDraining)
  expect((await second.client.ended).reason).toBe(reason.authProxyDraining)
  expect(path.server.streams).toBe(0)
})

test("an application that fails its socket resets the stream", async () => {
  await using path = await fixture()
  const { client, server } = await path.open()
  client.socket.destroy(new Error("application failed"))
  expect((await client.ended).reason).toBe(reason.socketFailed)
  expect((await server.ended).reason).toBe(reason.socketFailed)
})

test("an application that leaves while the other side still sends leaves no stream behind", async () => {
  await using path = await fixture()
  const { client, server } = await path.open()
  const sendOn = (error?: Error | null) => {
    if (!error && !server.socket.destroyed) server.socket.write("line\n", sendOn)
  }
  sendOn()
  await receiveBytes(client.socket, 5)
  client.socket.destroy()
  expect((await client.ended).reason).toBe(reason.readerGone)
  expect((await server.ended).reason).toBe(reason.readerGone)
})

test("drain reaches the proxy and marks the stream, also over a resume", async () => {
  await using path = await fixture()
  const { client } = await path.open()
  path.server.drain()
  await path.event("client", "drain")
  expect(client.draining).toBe(true)
  const later = await path.open()
  await path.event("client", "drain", 2)
  expect(later.client.draining).toBe(true)
})

test("a probe resolves on the pong and is proof of life", async () => {
  await using path = await fixture()
  const { client } = await path.open()
  const before = performance.now()
  await client.probe()
  expect(client.lastHeardMillis).toBeGreaterThanOrEqual(before)
})

test("what is written before the first dial travels with the opening", async () => {
  await using path = await fixture()
  const { server } = await path.open({ onSocket: (socket) => socket.write("client hello") })
  expect((await receiveBytes(server.socket, 12)).toString()).toBe("client hello")
})

test(
  "a carrier that freezes without a close is replaced beside it",
  async () => {
    await using path = await fixture()
    const { client, server } = await path.open()
    path.path.freeze()
    client.socket.write("into the ice")
    expect((await receiveBytes(server.socket, 12)).toString()).toBe("into the ice")
    expect(path.path.attempts).toHaveLength(2)
    expect((await path.event("client", "resumed")).type).toBe("resumed")
  },
  timeoutMillis,
)
