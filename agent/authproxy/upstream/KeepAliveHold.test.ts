import { expect, test } from "bun:test"
import { once } from "node:events"
import { isKeepAlive, KeepAliveHold } from "./KeepAliveHold.ts"

const ping = (payload = 0) => Buffer.from([0x89, 0x80 | payload, 1, 2, 3, 4, ...new Uint8Array(payload)])
const spdyPing = Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9])

test.each<[string, Buffer, boolean]>([
  ["a ping", ping(), true],
  ["the longest ping", ping(125), true],
  ["two pings", Buffer.concat([ping(), ping(3)]), true],
  ["a SPDY ping", spdyPing, true],
  ["nothing", Buffer.alloc(0), false],
  ["a ping without a mask", Buffer.from([0x89, 0x00]), false],
  ["part of a ping", ping().subarray(0, 5), false],
  ["a ping and a byte", Buffer.concat([ping(), Buffer.from([3])]), false],
  ["a pong", Buffer.from([0x8a, 0x80, 1, 2, 3, 4]), false],
  ["a close", Buffer.from([0x88, 0x80, 1, 2, 3, 4]), false],
  ["stdin", Buffer.from([0x82, 0x82, 1, 2, 3, 4, 1, 2]), false],
  ["a SPDY frame of another type", Buffer.from([0x80, 3, 0, 7, 0, 0, 0, 4, 0, 0, 0, 9]), false],
])("%s is a keep-alive: %#", (_, chunk, expected) => expect(isKeepAlive(chunk)).toBe(expected))

test("a keep-alive goes when nothing is on the way any more", async () => {
  let behind = true
  const hold = new KeepAliveHold({ isBehind: () => behind })
  hold.write(ping())
  expect(hold.read()).toBeNull()
  behind = false
  await once(hold, "readable")
  expect(hold.read()).toEqual(ping())
})

test("a keep-alive is not held for longer than the client would wait for its answer", async () => {
  const hold = new KeepAliveHold({ isBehind: () => true }, { quietMillis: 1, maxHoldMillis: 1 })
  hold.write(ping())
  await once(hold, "readable")
  expect(hold.read()).toEqual(ping())
})

const never = 3_600_000
/** A turn of the event loop after those in which a hold of one millisecond ends. */
const later = async (hold: KeepAliveHold) => {
  const other = new KeepAliveHold({ isBehind: () => false }, { quietMillis: 1 })
  other.heard(1)
  other.write(ping())
  await once(other, "readable")
  return hold.read()
}

test("a keep-alive waits for a longer pause after a megabyte than after a few bytes", async () => {
  const hold = () => new KeepAliveHold({ isBehind: () => false }, { quietMillis: 1, bulkQuietMillis: never })
  const [little, much] = [hold(), hold()]
  little.heard(1_000)
  for (let part = 0; part < 16; part += 1) much.heard(64 * 1024)
  little.write(ping())
  much.write(ping())
  await once(little, "readable")
  expect(little.read()).toEqual(ping())
  expect(await later(much)).toBeNull()
})

test("a keep-alive that comes when the server is just read again waits, although nothing has come yet", async () => {
  let behind = true
  const hold = new KeepAliveHold({ isBehind: () => behind }, { quietMillis: never })
  behind = false
  hold.heard(0)
  hold.write(ping())
  expect(await later(hold)).toBeNull()
  hold.destroy()
})

test("order is kept, and an end takes along what is held", async () => {
  const hold = new KeepAliveHold({ isBehind: () => true })
  hold.write(ping())
  hold.write(Buffer.from("data"))
  hold.write(ping(1))
  hold.end()
  expect(Buffer.concat(await Array.fromAsync(hold))).toEqual(Buffer.concat([ping(), Buffer.from("data"), ping(1)]))
})

test("pings without end are not held without bound", () => {
  const hold = new KeepAliveHold({ isBehind: () => true })
  for (let count = 0; count < 200; count += 1) hold.write(ping())
  expect((hold.read() as Buffer).length).toBeGreaterThan(0)
  hold.destroy()
})
