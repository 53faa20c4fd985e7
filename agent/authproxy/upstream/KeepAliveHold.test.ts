import { expect, jest, test } from "bun:test"
import { virtualTime } from "../testing/virtualTime.ts"
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

const aside = { isBehind: () => false }

test("a keep-alive waits while the client is behind, and goes when it is not any more", async () => {
  using time = virtualTime()
  let behind = true
  const hold = new KeepAliveHold({ isBehind: () => behind })
  hold.write(ping())
  await time.pass(1_000)
  expect(hold.read()).toBeNull()
  behind = false
  await time.pass(200)
  expect(hold.read()).toEqual(ping())
})

test("a keep-alive waits for a longer pause after a megabyte than after a few bytes", async () => {
  using time = virtualTime()
  const [little, much] = [new KeepAliveHold(aside), new KeepAliveHold(aside)]
  little.heard(1_000)
  for (let part = 0; part < 17; part += 1) much.heard(64 * 1024)
  for (const hold of [little, much]) hold.write(ping())
  await time.pass(200)
  expect([little.read(), much.read()]).toEqual([ping(), null])
  await time.pass(2_700)
  expect(much.read()).toBeNull()
  await time.pass(100)
  expect(much.read()).toEqual(ping())
})

test("the time in which the client took nothing is no pause of the server's", async () => {
  using time = virtualTime()
  const hold = new KeepAliveHold(aside)
  hold.heard(2 ** 21)
  await time.pass(30_000)
  hold.readAgain()
  hold.heard(1_000)
  hold.write(ping())
  await time.pass(2_900)
  expect(hold.read()).toBeNull()
  await time.pass(100)
  expect(hold.read()).toEqual(ping())
})

test("a keep-alive that comes when the server is just read again waits, although nothing has come yet", async () => {
  using time = virtualTime()
  const hold = new KeepAliveHold(aside)
  hold.heard(2 ** 20)
  await time.pass(30_000)
  hold.readAgain()
  hold.write(ping())
  await time.pass(2_900)
  expect(hold.read()).toBeNull()
  await time.pass(100)
  expect(hold.read()).toEqual(ping())
})

test("a session that said much once and little since waits no longer than one that said little", async () => {
  using time = virtualTime()
  const hold = new KeepAliveHold(aside)
  hold.heard(2 ** 24)
  for (let second = 0; second < 11; second += 1) {
    hold.heard(30)
    await time.pass(1_000)
  }
  hold.heard(30)
  hold.write(ping())
  await time.pass(100)
  expect(hold.read()).toBeNull()
  await time.pass(100)
  expect(hold.read()).toEqual(ping())
})

test("a keep-alive beside output without a pause is held for 10 s, for a client that was behind in the last 3 s for 20 s", async () => {
  using time = virtualTime()
  let behind = true
  const pair = [false, true].map((slow) => new KeepAliveHold({ isBehind: () => slow && behind }))
  for (const hold of pair) hold.write(ping())
  const afterOutputFor = async (millis: number) => {
    for (let passed = 0; passed < millis; passed += 100) {
      for (const hold of pair) hold.heard(30)
      await time.pass(100)
    }
    return pair.map((hold) => hold.read())
  }
  expect(await afterOutputFor(9_900)).toEqual([null, null])
  behind = false
  expect(await afterOutputFor(100)).toEqual([ping(), null])
  behind = true
  expect(await afterOutputFor(9_900)).toEqual([null, null])
  expect(await afterOutputFor(100)).toEqual([null, ping()])
})

test("a standstill of the process leaves 3 s to read what the server said meanwhile, and no more", async () => {
  using time = virtualTime()
  const hold = new KeepAliveHold(aside)
  hold.write(ping())
  await time.standStill(45_000, () => hold.heard(30))
  const outputFor = async (millis: number) => {
    for (let passed = 0; passed < millis; passed += 100) {
      hold.heard(30)
      await time.pass(100)
    }
    return hold.read()
  }
  expect(await outputFor(2_900)).toBeNull()
  expect(await outputFor(300)).toEqual(ping())
})

test("a keep-alive goes also when every look is late and each time something has come", async () => {
  using time = virtualTime()
  const hold = new KeepAliveHold(aside)
  hold.write(ping())
  let looks = 0
  for (; hold.read() === null && looks < 100; looks += 1) await time.standStill(1_000, () => hold.heard(30))
  // The first 7 s as they pass, the last 3 s a fifth of a second with each look.
  expect(looks).toBeWithin(15, 25)
})

test("data that takes a keep-alive along in the middle of its look leaves the next one its time", async () => {
  using time = virtualTime()
  const hold = new KeepAliveHold(aside)
  hold.write(ping())
  jest.advanceTimersByTime(200)
  hold.write(Buffer.from("data"))
  hold.write(ping(1))
  await time.pass(100)
  expect(Buffer.concat([hold.read(), hold.read()])).toEqual(Buffer.concat([ping(), Buffer.from("data")]))
  expect(hold.read()).toBeNull()
  await time.pass(100)
  expect(hold.read()).toEqual(ping(1))
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
