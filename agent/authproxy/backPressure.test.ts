import { afterAll, beforeAll, expect, test } from "bun:test"
import { createHash, randomFillSync } from "node:crypto"
import { type AuthProxyBench, request, startBench } from "./testing/AuthProxyBench.ts"
import { plainAnswer, type RecordedConnection } from "./testing/RecordingServer.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())

const block = randomFillSync(Buffer.alloc(256 * 1024))
/** Offered at most: far beyond every buffer on the way together. */
const offeredBlocks = 256
/** A stream's window at each end, the sockets between, and what TLS has under way on both sides. */
const heldAtMost = 32 * 1024 * 1024
/** Turns of the event loop without a further byte after which a writer counts as stopped. */
const stillTurns = 2_000

test("an API server that does not read stops the client's upload, and gets every byte when it reads again", async () => {
  const stopped = Promise.withResolvers<RecordedConnection>()
  bench.upstream.answer = (socket, head, connection) => {
    socket.removeAllListeners("data")
    socket.pause()
    connection.received = connection.received.slice(connection.received.indexOf(head) + head.length)
    stopped.resolve(connection)
  }
  const { socket } = await bench.connect()
  const total = offeredBlocks * block.length
  socket.write(request("POST /api/v1/x", { token: bench.token(), headers: [`Content-Length: ${total}`] }))
  const upstream = await stopped.promise
  let taken = 0
  let offered = 0
  const offer = () => {
    while (offered < offeredBlocks && socket.writableLength < block.length) {
      offered += 1
      socket.write(block, () => {
        taken += block.length
        offer()
      })
    }
  }
  offer()
  for (let still = 0, last = -1; still < stillTurns; still = taken === last ? still + 1 : 0) {
    last = taken
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(taken).toBeGreaterThan(0)
  expect(taken).toBeLessThan(heldAtMost)

  const sent = createHash("sha256")
  for (let index = 0; index < offeredBlocks; index += 1) sent.update(block)
  const read = createHash("sha256").update(Buffer.from(upstream.received, "latin1"))
  let bytes = upstream.received.length
  const whole = new Promise<void>((resolve) => {
    upstream.socket.on("data", (chunk: Buffer) => {
      read.update(chunk)
      bytes += chunk.length
      if (bytes >= total) resolve()
    })
  })
  upstream.socket.resume()
  await whole
  expect([bytes, read.digest("hex")]).toEqual([total, sent.digest("hex")])
  upstream.socket.write(plainAnswer("200 OK", "{}"))
}, 60_000)
