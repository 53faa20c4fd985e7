import { afterEach, beforeEach, expect, test } from "bun:test"
import { once } from "node:events"
import net, { type Socket } from "node:net"
import { Duplex } from "node:stream"
import { MAX_AHEAD_BYTES, readAhead } from "./readAhead.ts"

const mebibyte = 2 ** 20
const ping = Buffer.from([0x89, 0x80, 1, 2, 3, 4])

let stack = new AsyncDisposableStack()
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

/** A client that takes nothing until it is let, with what it has taken. */
const client = () => {
  const got = { bytes: 0 }
  let takesAll = false
  let take = () => {}
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      const took = () => {
        got.bytes += chunk.length
        done()
      }
      if (takesAll) took()
      else take = took
    },
  })
  stack.defer(() => void duplex.destroy())
  const takeAll = () => {
    takesAll = true
    take()
  }
  return { duplex, got, takeAll }
}

/** The API server's end of a session and ours, piped to a client. */
const session = async (says: (server: Socket) => void) => {
  const api = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {})
    stack.defer(() => void socket.destroy())
    says(socket)
  })
  stack.defer(() => void api.close())
  await once(api.listen(0, "127.0.0.1"), "listening")
  const ours = net.connect({ port: (api.address() as net.AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true })
  ours.on("error", () => {})
  stack.defer(() => void ours.destroy())
  await once(ours, "connect")
  const { duplex, got, takeAll } = client()
  ours.pipe(duplex)
  const ahead = () => readAhead(ours, duplex as Socket, MAX_AHEAD_BYTES)
  /** Here, for the client. */
  const kept = () => duplex.writableLength + got.bytes
  return { ours, client: duplex, got, takeAll, ahead, kept }
}
const flood = (server: Socket) => {
  const block = Buffer.alloc(64 * 1024)
  const more = () => {
    while (!server.destroyed && server.write(block)) {}
  }
  server.on("drain", more)
  more()
}

test("all that a server said before it closed arrives, though the client takes nothing and a ping goes to the server", async () => {
  const bytes = 5 * mebibyte
  const closed = Promise.withResolvers<void>()
  const { ours, client, got, takeAll, ahead, kept } = await session((server) => {
    server.write(Buffer.alloc(bytes))
    server.destroySoon()
    server.once("close", () => closed.resolve())
  })
  await once(ours, "pause")
  await ahead()
  await closed.promise
  expect(kept()).toBe(bytes)
  ours.write(ping)
  const finished = once(client, "finish")
  takeAll()
  await finished
  expect(got.bytes).toBe(bytes)
})

test("of a server that says nothing more all is read that it had said", async () => {
  const { ours, ahead, kept } = await session((server) => void server.write(Buffer.alloc(2 * mebibyte)))
  await once(ours, "pause")
  expect(kept()).toBeLessThan(2 * mebibyte)
  await ahead()
  expect(kept()).toBe(2 * mebibyte)
})

test("of a server that always has more at most what was asked for and a chunk are read, and then it is paused again", async () => {
  const { ours, ahead, kept } = await session(flood)
  await once(ours, "pause")
  const before = kept()
  await ahead()
  const read = kept() - before
  expect(read).toBeWithin(1, 17 * mebibyte)
  if (!ours.isPaused()) await once(ours, "pause")
  expect(kept() - before - read).toBeLessThan(mebibyte)
})

test("it is done for four sessions at once, until their clients have taken it", async () => {
  const five = await Promise.all(
    Array.from({ length: 5 }, () => session((server) => void server.write(Buffer.alloc(2 * mebibyte)))),
  )
  for (const { ours } of five) if (!ours.isPaused()) await once(ours, "pause")
  const [first, , , , fifth] = five
  for (const { ahead } of five) await ahead()
  expect(five.map(({ kept }) => kept() === 2 * mebibyte)).toEqual([true, true, true, true, false])
  const drained = once(first!.client, "drain")
  first!.takeAll()
  await drained
  await fifth!.ahead()
  expect(fifth!.kept()).toBe(2 * mebibyte)
})

test("a session whose end was read, or comes later, counts as one of the four until its client has taken all, and no longer", async () => {
  const four = await Promise.all(
    [true, true, false, false].map(async (early) => {
      const api = Promise.withResolvers<Socket>()
      const made = await session((server) => {
        server.write(Buffer.alloc(2 * mebibyte))
        if (early) server.end()
        api.resolve(server)
      })
      return { ...made, endLate: async () => early || (await api.promise).end() }
    }),
  )
  const fifth = await session((server) => void server.write(Buffer.alloc(2 * mebibyte)))
  for (const { ours } of [...four, fifth]) if (!ours.isPaused()) await once(ours, "pause")
  for (const { ahead } of four) await ahead()
  for (const { ours, endLate } of four) {
    const ended = ours.readableEnded || once(ours, "end")
    await endLate()
    await ended
  }
  await fifth.ahead()
  expect(fifth.kept()).toBeLessThan(2 * mebibyte)
  for (const { client, takeAll } of four) {
    const finished = once(client, "finish")
    takeAll()
    await finished
  }
  await fifth.ahead()
  expect(fifth.kept()).toBe(2 * mebibyte)
})
