import { afterEach, expect, spyOn, test } from "bun:test"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import { spliceSockets } from "./splice.ts"

let clock = 0
const now = spyOn(performance, "now").mockImplementation(() => clock)
afterEach(() => now.mockRestore())

/** A socket whose far end takes what is written when it is let. */
const socket = () => {
  const written: Buffer[] = []
  let take: (() => void) | undefined
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      written.push(chunk)
      take = done
    },
  })
  return { duplex, written, take: () => take?.() }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

test("a ping that comes in the moment in which a client that stood still takes bytes again does not reach the server before the server's bytes were looked for", async () => {
  const [client, server] = [socket(), socket()]
  const none = { received: () => {}, sent: () => {} }
  const over = Promise.withResolvers<string | undefined>()
  spliceSockets(client.duplex as Socket, server.duplex as Socket, none, over.resolve)
  server.duplex.push(Buffer.alloc(100_000))
  await turn()
  expect(server.duplex.isPaused()).toBe(true)
  // Longer than any pause that counts.
  clock += 10_000
  client.take()
  await turn()
  expect([server.duplex.isPaused(), client.duplex.writableLength]).toEqual([false, 0])
  client.duplex.push(Buffer.from([0x89, 0x80, 1, 2, 3, 4]))
  await turn()
  expect(server.written).toEqual([])
  client.duplex.destroy()
  await over.promise
})
