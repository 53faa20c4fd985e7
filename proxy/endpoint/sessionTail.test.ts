import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { once } from "node:events"
import type { TLSSocket } from "node:tls"
import { FarEnd } from "../testing/FarEnd.ts"
import { credential, NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
beforeAll(async () => {
  far = await FarEnd.start()
  near = await NearEnd.start(far)
})
afterAll(async () => {
  await near.stop()
  await far.stop()
})

/** Less than the kernel's queues hold: the proxy is done with both ends while the client has read nothing. */
const tailBytes = 2 * 1024 * 1024
const ping = Buffer.from([0x89, 0x80, 1, 2, 3, 4])
/** Turns of the event loop without a further byte after which everything counts as having come to a stop. */
const stillTurns = 2_000
const still = async (bytes: () => number) => {
  for (let turns = 0, last = -1; turns < stillTurns; turns = bytes() === last ? turns + 1 : 0) {
    last = bytes()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const ended = (socket: TLSSocket) =>
  new Promise<void>((resolve) => {
    for (const event of ["end", "error", "close"]) socket.once(event, () => resolve())
  })

/** A client that has read the 101 and nothing behind it. */
const stalledClient = async (): Promise<TLSSocket> => {
  far.handleUpgrade = (_req, socket) => {
    socket.on("error", () => {})
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
    socket.once("data", () => {
      socket.write(Buffer.alloc(tailBytes, "x"))
      socket.destroySoon()
    })
  }
  const socket = near.dial()
  socket.write(
    `POST /api/v1/namespaces/a/pods/b/exec HTTP/1.1\r\nHost: ${near.host}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nAuthorization: Bearer ${credential}\r\n\r\n`,
  )
  await once(socket, "data")
  socket.pause()
  socket.write("go on")
  await still(() => socket.bytesRead)
  return socket
}

describe("the last bytes of a session whose far end has closed reach a client that lags behind", () => {
  test("though it sends pings meanwhile; the connection goes when the client goes", async () => {
    const socket = await stalledClient()
    for (let times = 0; times < 3; times += 1) {
      socket.write(ping)
      await still(() => socket.bytesRead)
    }
    let received = 0
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length
      socket.write(ping)
    })
    socket.resume()
    await ended(socket)
    expect(received).toBe(tailBytes)
    socket.end()
    if (!socket.closed) await once(socket, "close")
    while (near.endpoint.connections > 0) await new Promise((resolve) => setImmediate(resolve))
  })
})
