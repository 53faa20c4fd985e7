import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { once } from "node:events"
import type { Socket } from "node:net"
import { type AuthProxyBench, request, startBench } from "./testing/AuthProxyBench.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())
afterEach(() => {
  bench.upstream.heads.length = 0
  bench.upstream.connections.length = 0
})

const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
const exec = () =>
  request("POST /api/v1/namespaces/d/pods/p/exec?command=tar", {
    token: bench.token(),
    headers: ["Connection: Upgrade", "Upgrade: SPDY/3.1"],
  })
const webSocketPing = String.fromCharCode(0x89, 0x80, 1, 2, 3, 4)
const webSocketPingWithText = String.fromCharCode(0x89, 0x82, 1, 2, 3, 4, 5, 6)
const spdyPing = String.fromCharCode(0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1)
/** More than is held on the way, so that the rest waits in the kernel, and less than kernels hold. */
const tailBytes = 3 * 1024 * 1024

/** A session; `upstream` is what the API server hears of it. */
const session = async (begun: (server: Socket) => void = () => {}) => {
  bench.upstream.answer = (socket) => {
    socket.write(switched)
    begun(socket)
  }
  const connection = await bench.connect()
  connection.write(exec())
  await connection.answer(true)
  return { connection, upstream: bench.upstream.connections.at(-1)! }
}
/** The same, whose client has stopped reading. */
const stalledSession = async (begun: (server: Socket) => void) => {
  const { connection, upstream } = await session(begun)
  connection.socket.pause()
  return { connection, upstream }
}

const receives = async (upstream: { readonly socket: Socket; readonly received: string }, text: string) => {
  while (!upstream.received.endsWith(text)) await once(upstream.socket, "data")
}

/** Turns of the event loop without a further byte after which everything counts as having come to a stop. */
const stillTurns = 2_000
const still = async (bytes: () => number) => {
  for (let turns = 0, last = -1; turns < stillTurns; turns = bytes() === last ? turns + 1 : 0) {
    last = bytes()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe("the last bytes of a server that has closed its socket reach a slow client, though the client sends", () => {
  test.each([
    ["a WebSocket ping", webSocketPing],
    ["a WebSocket ping with a text", webSocketPingWithText],
    ["two pings at once", webSocketPing + webSocketPing],
    ["a SPDY ping", spdyPing],
  ])("%s", async (_, ping) => {
    const closed = Promise.withResolvers<void>()
    const { connection } = await stalledSession((server) => {
      server.write(Buffer.alloc(tailBytes, "x"))
      server.destroySoon()
      server.once("close", () => closed.resolve())
    })
    await closed.promise
    await still(() => connection.socket.bytesRead)
    for (let times = 0; times < 3; times += 1) connection.write(ping)
    // Later than that of a quiet session goes none that nothing holds.
    const quiet = await session()
    quiet.connection.write(webSocketPing)
    await receives(quiet.upstream, webSocketPing)
    quiet.connection.leave()
    connection.socket.on("data", () => connection.write(ping))
    connection.socket.resume()
    await connection.ended
    expect(connection.received.length).toBe(tailBytes)
  })
})

const flood = (server: Socket) => {
  const block = Buffer.alloc(64 * 1024, "x")
  const more = () => {
    while (!server.destroyed && server.write(block)) {}
  }
  server.on("drain", more)
  more()
}

test("what is no keep-alive goes at once, in a flood that nobody reads too, and takes the keep-alive before it along", async () => {
  const { connection, upstream } = await stalledSession(flood)
  await still(() => connection.socket.bytesRead)
  connection.write(webSocketPing)
  connection.write("\x03")
  await receives(upstream, `${webSocketPing}\x03`)
  connection.leave()
})

test("a keep-alive goes to a server that says nothing", async () => {
  const { connection, upstream } = await session()
  connection.write(webSocketPing)
  await receives(upstream, webSocketPing)
  connection.leave()
})

describe("the audit line of a session", () => {
  const lineOf = async (pod: string, ends: (server: Socket) => boolean, first: string | Buffer = switched) => {
    bench.upstream.answer = (socket) => {
      socket.write(first)
      ends(socket)
      socket.destroySoon()
    }
    const path = `/api/v1/namespaces/d/pods/${pod}/exec`
    const line = bench.auditOf(path)
    const connection = await bench.connect()
    const headers = ["Connection: Upgrade", "Upgrade: SPDY/3.1"]
    connection.write(request(`POST ${path}`, { token: bench.token(), headers }))
    await connection.ended
    connection.leave()
    return line
  }
  const goAway = Buffer.from([0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0])

  test("names the API server's last word, after which nothing can be missing", async () => {
    const line = await lineOf("closed", (server) => server.write(Buffer.concat([Buffer.alloc(100_000, "x"), goAway])))
    expect(line).toMatchObject({ code: 101, lastWord: "spdy-goaway", sentBytes: 100_016 })
  })

  test("names it also when the whole output came in one write with the 101", async () => {
    const line = await lineOf("whole", () => true, Buffer.concat([Buffer.from(`${switched}output`), goAway]))
    expect(line).toMatchObject({ code: 101, lastWord: "spdy-goaway", sentBytes: 22 })
  })

  test("has none when the API server went without a word", async () => {
    const line = await lineOf("cut", (server) => server.write("x"))
    expect(line).toMatchObject({ code: 101, sentBytes: 1 })
    expect(line).not.toHaveProperty("lastWord")
  })
})
