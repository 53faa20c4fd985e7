import { afterEach, expect, spyOn, test } from "bun:test"
import { once } from "node:events"
import { isKeepAlive, KeepAliveHold } from "./KeepAliveHold.ts"

let clock = 0
const atClock = () => spyOn(performance, "now").mockImplementation(() => clock)
let restored: ReturnType<typeof atClock> | undefined
afterEach(() => {
  restored?.mockRestore()
  restored = undefined
})
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
  const hold = new KeepAliveHold({ isBehind: () => true }, { quietMillis: 1, maxHoldBehindMillis: 1 })
  hold.write(ping())
  await once(hold, "readable")
  expect(hold.read()).toEqual(ping())
})

const never = 3_600_000
/** What has been let go, in a turn of the event loop after one in which every hold with a `quietMillis` of 1 has looked. */
const later = async (hold: KeepAliveHold) => {
  const other = new KeepAliveHold({ isBehind: () => false }, { quietMillis: 1, maxHoldMillis: 0 })
  other.heard(1)
  other.write(ping())
  await once(other, "readable")
  return hold.read()
}

test("a keep-alive waits for a longer pause after a megabyte than after a few bytes", async () => {
  const hold = () => new KeepAliveHold({ isBehind: () => false }, { quietMillis: 1, bulkQuietMillis: never })
  const [little, much] = [hold(), hold()]
  little.heard(1_000)
  for (let part = 0; part < 17; part += 1) much.heard(64 * 1024)
  little.write(ping())
  much.write(ping())
  await once(little, "readable")
  expect(little.read()).toEqual(ping())
  expect(await later(much)).toBeNull()
  much.destroy()
})

test("the time in which the client took nothing is no pause of the server's", async () => {
  restored = atClock()
  const hold = new KeepAliveHold({ isBehind: () => false }, { quietMillis: 1 })
  hold.heard(2 ** 21)
  clock += 4_000
  hold.readAgain()
  hold.heard(1_000)
  clock += 300
  hold.write(ping())
  expect(await later(hold)).toBeNull()
  clock += 2_700
  expect(await later(hold)).toEqual(ping())
})

test("a session that said much once and little since waits no longer than one that said little", async () => {
  restored = atClock()
  const hold = new KeepAliveHold({ isBehind: () => false }, { quietMillis: 1 })
  hold.heard(2 ** 24)
  for (let second = 0; second < 11; second += 1) {
    hold.heard(30)
    clock += 1_000
  }
  hold.heard(30)
  hold.write(ping())
  expect(hold.read()).toBeNull()
  clock += 300
  expect(await later(hold)).toEqual(ping())
})

test("a keep-alive beside output without a pause is held for 10 s, for a client that was behind in the last 3 s for 20 s", async () => {
  restored = atClock()
  let behind = true
  const pair = [false, true].map((slow) => new KeepAliveHold({ isBehind: () => slow && behind }, { quietMillis: 1 }))
  for (const hold of pair) {
    hold.heard(30)
    hold.write(ping())
  }
  const left = async (millis: number) => {
    clock += millis
    for (const hold of pair) hold.heard(30)
    return await Promise.all(pair.map(later))
  }
  expect(await left(9_999)).toEqual([null, null])
  behind = false
  expect(await left(1)).toEqual([ping(), null])
  behind = true
  expect(await left(9_999)).toEqual([null, null])
  expect(await left(1)).toEqual([null, ping()])
})

test("a keep-alive that comes when the server is just read again waits, although nothing has come yet", async () => {
  let behind = true
  const hold = new KeepAliveHold({ isBehind: () => behind }, { quietMillis: never })
  behind = false
  hold.readAgain()
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
