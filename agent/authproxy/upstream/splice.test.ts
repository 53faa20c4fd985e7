import { afterEach, beforeEach, expect, test } from "bun:test"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import { virtualTime } from "../testing/virtualTime.ts"
import { spliceSockets } from "./splice.ts"

/** A socket whose far end takes what is written when it is let. */
const socket = () => {
  const written: Buffer[] = []
  let take: (() => void) | undefined
  let takesAll = false
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      written.push(chunk)
      if (takesAll) done()
      else take = done
    },
  })
  return {
    duplex,
    written,
    takeOne() {
      const took = take
      take = undefined
      took?.()
    },
    takeAll() {
      takesAll = true
      take?.()
    },
  }
}

let time: ReturnType<typeof virtualTime>
let ends: ReturnType<typeof spliced>
const spliced = () => {
  const [client, server] = [socket(), socket()]
  const over = Promise.withResolvers<string | undefined>()
  const none = { received: () => {}, sent: () => {} }
  spliceSockets(client.duplex as Socket, server.duplex as Socket, none, over.resolve)
  return { client, server, over: over.promise }
}
beforeEach(() => {
  time = virtualTime()
  ends = spliced()
})
afterEach(async () => {
  ends.client.duplex.destroy()
  await ends.over
  time[Symbol.dispose]()
})
const ping = Buffer.from([0x89, 0x80, 1, 2, 3, 4])
const megabyte = 2 ** 20

test("a ping does not reach the server while the client has not taken what the server said", async () => {
  const { client, server } = ends
  server.duplex.push(Buffer.alloc(100))
  client.duplex.push(ping)
  await time.pass(1_000)
  expect(server.written).toEqual([])
  client.takeAll()
  await time.pass(200)
  expect(server.written).toEqual([ping])
})

test("a ping behind a megabyte that the client has taken does not reach the server before it was quiet for 3 s", async () => {
  const { client, server } = ends
  client.takeAll()
  server.duplex.push(Buffer.alloc(megabyte))
  client.duplex.push(ping)
  await time.pass(2_900)
  expect(server.written).toEqual([])
  await time.pass(100)
  expect(server.written).toEqual([ping])
})

test("a ping that comes when a client that stood still takes bytes again does not reach the server before it was read for 3 s", async () => {
  const { client, server } = ends
  server.duplex.push(Buffer.alloc(megabyte))
  // Longer than any pause that counts.
  await time.pass(30_000)
  expect(server.duplex.isPaused()).toBe(true)
  client.takeAll()
  await time.pass(100)
  expect([server.duplex.isPaused(), client.duplex.writableLength]).toEqual([false, 0])
  client.duplex.push(ping)
  await time.pass(2_800)
  expect(server.written).toEqual([])
  await time.pass(200)
  expect(server.written).toEqual([ping])
})

test("a ping that waited while a little was stuck does not reach a server that then says much, before it was read for 3 s", async () => {
  const { client, server } = ends
  server.duplex.push(Buffer.alloc(100))
  client.duplex.push(ping)
  await time.pass(30_000)
  expect([server.written, server.duplex.isPaused()]).toEqual([[], false])
  server.duplex.push(Buffer.alloc(megabyte))
  await time.pass(100)
  client.takeAll()
  await time.pass(2_700)
  expect(server.written).toEqual([])
  await time.pass(400)
  expect(server.written).toEqual([ping])
})

test("a ping that has waited for long enough beside a flood reaches the server when all that it had said is read", async () => {
  const { client, server } = ends
  const say = () => server.duplex.push(Buffer.alloc(256 * 1024))
  for (let chunk = 0; chunk < 24; chunk += 1) say()
  client.duplex.push(ping)
  const unread: number[] = []
  for (let passed = 0; server.written.length === 0 && passed < 60_000; passed += 100) {
    unread.push(server.duplex.readableLength)
    say()
    client.takeOne()
    await time.pass(100)
  }
  expect(unread.length).toBeWithin(150, 165)
  expect(Math.min(...unread.slice(0, 150))).toBeGreaterThan(megabyte)
  expect(server.duplex.readableLength).toBe(0)
})
