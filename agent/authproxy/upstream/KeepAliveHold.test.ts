import { describe, expect, jest, test } from "bun:test"
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

const keepsUp = () => false
const holdOf = (isBehind: () => boolean, readAhead: (most: number) => Promise<void> = async () => {}) =>
  new KeepAliveHold({ isBehind, readAhead })

test("a keep-alive waits while the client is behind, and goes when it is not any more", async () => {
  using time = virtualTime()
  let behind = true
  const hold = holdOf(() => behind)
  hold.write(ping())
  await time.pass(1_000)
  expect(hold.read()).toBeNull()
  behind = false
  await time.pass(200)
  expect(hold.read()).toEqual(ping())
})

test("a keep-alive waits for a longer pause after a megabyte than after a few bytes", async () => {
  using time = virtualTime()
  const [little, much] = [holdOf(keepsUp), holdOf(keepsUp)]
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
  const hold = holdOf(keepsUp)
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
  const hold = holdOf(keepsUp)
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
  const hold = holdOf(keepsUp)
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

/** Lets go on with `each` in every tenth of a second; when the ping was let go, in milliseconds. */
const letGoAfter = async (
  time: ReturnType<typeof virtualTime>,
  hold: KeepAliveHold,
  each: (passed: number) => void,
): Promise<number> => {
  for (let passed = 0; passed < 60_000; passed += 100) {
    each(passed)
    await time.pass(100)
    if (hold.read() !== null) return passed + 100
  }
  return Number.POSITIVE_INFINITY
}
test.each([
  ["10 s beside output without a pause", { behind: false, perTenth: 30 }, 10_000],
  ["20 s for a client that is behind", { behind: true, perTenth: 30 }, 20_000],
  [
    "15 s for one that is behind and takes more in that time than kernels keep",
    { behind: true, perTenth: 80_000 },
    15_000,
  ],
  ["until that is taken, for one that takes it more slowly", { behind: true, perTenth: 60_000 }, 17_600],
] as const)("the first keep-alive of a session is held for %s", async (_, { behind, perTenth }, expected) => {
  using time = virtualTime()
  const hold = holdOf(() => behind)
  hold.write(ping())
  expect(await letGoAfter(time, hold, () => hold.heard(perTenth))).toBe(expected)
})

test.each([
  ["3 s beside output without a pause", { behind: false, perTenth: 30 }, 3_000],
  ["9 s for a client that is behind", { behind: true, perTenth: 30 }, 9_000],
  ["3 s for one that takes more in that time than kernels keep", { behind: true, perTenth: 400_000 }, 3_000],
] as const)(
  "a keep-alive that had to wait for its path is held for %s, since none was let go for long",
  async (_, { behind, perTenth }, expected) => {
    using time = virtualTime()
    const hold = holdOf(() => behind)
    hold.heard(2 ** 20)
    await time.pass(25_000)
    hold.readAgain()
    hold.write(ping())
    expect(await letGoAfter(time, hold, () => hold.heard(perTenth))).toBe(expected)
  },
)

test("a client that is always behind and pings every 5 s gets an answer every 15 s, also when each look is late", async () => {
  using time = virtualTime()
  const hold = holdOf(() => true)
  const letGo: number[] = []
  for (let passed = 0; passed < 60_000; passed += 300) {
    if (passed % 5_100 === 0) hold.write(ping())
    await time.standStill(300, () => hold.heard(400_000))
    if (hold.read() !== null) letGo.push(passed + 300)
    while (hold.read() !== null) {}
  }
  expect(letGo).toHaveLength(4)
  for (const [at, since] of letGo.map((one, index) => [one, letGo[index - 1] ?? 0] as const))
    expect(at - since).toBeWithin(15_000, 15_700)
})

test("a keep-alive is held for 10 s beside a megabyte every 2 s for a client that keeps up", async () => {
  using time = virtualTime()
  const hold = holdOf(keepsUp)
  hold.write(ping())
  const letGo = await letGoAfter(time, hold, (passed) => {
    if (passed % 2_000 === 0) hold.heard(2 ** 20)
  })
  expect(letGo).toBe(10_000)
})

test("large chunks, each of which pauses the server for a moment, leave a client that keeps up one that keeps up", async () => {
  using time = virtualTime()
  const hold = holdOf(keepsUp)
  hold.write(ping())
  const letGo = await letGoAfter(time, hold, () => {
    hold.heard(70_000)
    hold.readAgain()
  })
  expect(letGo).toBe(10_000)
})

test("what came beside the keep-alive before, and its standstill, do not count for the next one", async () => {
  using time = virtualTime()
  const hold = holdOf(() => true)
  hold.write(ping())
  await time.pass(30_000)
  hold.readAgain()
  hold.heard(2 ** 24)
  await time.pass(2_900)
  expect(hold.read()).toBeNull()
  await time.pass(200)
  expect(hold.read()).toEqual(ping())
  hold.write(ping())
  expect(await letGoAfter(time, hold, () => hold.heard(30))).toBe(20_000)
})

test("what is no keep-alive is nothing that kubectl gets an answer to", async () => {
  using time = virtualTime()
  const hold = holdOf(() => true)
  await time.pass(5_000)
  hold.write("data")
  expect(hold.read()).toEqual(Buffer.from("data"))
  hold.write(ping())
  expect(await letGoAfter(time, hold, () => hold.heard(30))).toBe(15_000)
})

test("a client that was behind in the last 3 s counts as behind", async () => {
  using time = virtualTime()
  let behind = true
  const hold = holdOf(() => behind)
  hold.write(ping())
  const letGo = await letGoAfter(time, hold, (passed) => {
    hold.heard(30)
    behind = passed < 8_000
  })
  expect(letGo).toBeWithin(10_900, 11_300)
})

describe("a client that is behind and takes nothing", () => {
  /** It takes a megabyte a second up to the tenth of a second `from`, then nothing for so long, then `perTenth` bytes in each tenth of a second. */
  const letGoAfterStandstill = async (from: number, standsMillis: number, perTenth: number) => {
    using time = virtualTime()
    const hold = holdOf(() => true)
    hold.heard(1)
    hold.write(ping())
    const letGo = await letGoAfter(time, hold, (passed) => {
      if (passed >= from && passed < from + standsMillis) return
      hold.readAgain()
      hold.heard(passed < from ? 100_000 : perTenth)
    })
    return letGo - from - standsMillis
  }

  test.each([
    ["from the first second on", 1_000],
    ["from half a second before its time on", 14_500],
  ])("has its keep-alive held for as long as it stands still, %s, and then for 3 s", async (_, from) => {
    expect(await letGoAfterStandstill(from, 40_000, 800_000)).toBeWithin(2_900, 3_300)
    expect(await letGoAfterStandstill(from, 40_000, 30_000)).toBeWithin(2_900, 3_300)
  })

  test("has it held no longer for a standstill of less than a second", async () => {
    expect(await letGoAfterStandstill(14_500, 800, 100_000)).toBeWithin(-100, 300)
  })

  test("gets its answer if it takes a little now and then", async () => {
    using time = virtualTime()
    const hold = holdOf(() => true)
    hold.write(ping())
    const letGo = await letGoAfter(time, hold, (passed) => {
      if (passed % 2_000 !== 0) return
      hold.readAgain()
      hold.heard(30_000)
    })
    expect(letGo).toBeWithin(20_000, 23_300)
  })

  test("has it held for a second standstill as for the first", async () => {
    using time = virtualTime()
    const hold = holdOf(() => true)
    hold.heard(1)
    hold.write(ping())
    const letGo = await letGoAfter(time, hold, (passed) => {
      if ((passed > 1_000 && passed < 3_000) || (passed > 14_000 && passed < 20_000)) return
      hold.readAgain()
      hold.heard(200_000)
    })
    expect(letGo).toBeWithin(22_900, 23_300)
  })

  test("has its keep-alive held for 3 s when it takes what was stuck and the server says much before anybody looks", async () => {
    using time = virtualTime()
    let behind = true
    const hold = holdOf(() => behind)
    hold.heard(100)
    hold.write(ping())
    await time.pass(30_000)
    behind = false
    expect(await letGoAfter(time, hold, () => hold.heard(100_000))).toBeWithin(2_900, 3_300)
  })

  test("has a ping that comes in the standstill held until it goes on, though none waited before", async () => {
    using time = virtualTime()
    let behind = true
    const hold = holdOf(() => behind)
    hold.heard(30)
    await time.pass(30_000)
    hold.write(ping())
    await time.pass(25_000)
    expect(hold.read()).toBeNull()
    behind = false
    await time.pass(200)
    expect(hold.read()).toEqual(ping())
  })
})

test("a standstill of the process leaves 3 s to read what the server said meanwhile, and no more", async () => {
  using time = virtualTime()
  const hold = holdOf(keepsUp)
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

test.each([
  ["that keeps up, and began in the last 200 ms", { behind: false, from: 9_900, perTenth: 30 }],
  ["that is always behind and slow", { behind: true, from: 12_000, perTenth: 30_000 }],
  ["that is always behind and fast", { behind: true, from: 12_000, perTenth: 400_000 }],
])(
  "a standstill of the process leaves 3 s to a client %s, also when it takes everything as the process goes on",
  async (_, { behind, from, perTenth }) => {
    using time = virtualTime()
    let drained = false
    const hold = holdOf(() => behind && !drained)
    hold.write(ping())
    for (let passed = 0; passed < from; passed += 100) {
      hold.heard(perTenth)
      await time.pass(100)
    }
    await time.standStill(10_000, () => {
      drained = true
      if (behind) hold.readAgain()
      hold.heard(perTenth)
    })
    expect(await letGoAfter(time, hold, () => hold.heard(30))).toBeWithin(2_900, 3_300)
  },
)

test.each([
  [1_000, 10_000],
  [2_000, 14_000],
])(
  "a keep-alive goes also when every look comes %d ms after the one before and each time something was said",
  async (late, letGo) => {
    using time = virtualTime()
    const hold = holdOf(keepsUp)
    hold.write(ping())
    let passed = 0
    for (; hold.read() === null && passed < 100_000; passed += late) await time.standStill(late, () => hold.heard(30))
    expect(passed).toBe(letGo)
  },
)

test("data that takes a keep-alive along in the middle of its look leaves the next one its time", async () => {
  using time = virtualTime()
  const hold = holdOf(keepsUp)
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
  const hold = holdOf(() => true)
  hold.write(ping())
  hold.write(Buffer.from("data"))
  hold.write(ping(1))
  hold.end()
  expect(Buffer.concat(await Array.fromAsync(hold))).toEqual(Buffer.concat([ping(), Buffer.from("data"), ping(1)]))
})

test("pings without end are not held without bound", () => {
  const hold = holdOf(() => true)
  for (let count = 0; count < 200; count += 1) hold.write(ping())
  expect((hold.read() as Buffer).length).toBeGreaterThan(0)
  hold.destroy()
})

test("before keep-alives go beside bytes that are on the way, what the server has said is read; what else comes takes them along", async () => {
  using time = virtualTime()
  const read = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const asked: number[] = []
  const hold = holdOf(
    () => true,
    (most) => read[asked.push(most) - 1]?.promise ?? Promise.resolve(),
  )
  const flood = async (millis: number) => {
    for (let passed = 0; passed < millis; passed += 100) {
      hold.heard(300_000)
      await time.pass(100)
    }
  }
  const said = () => Buffer.concat([hold.read() ?? Buffer.alloc(0), hold.read() ?? Buffer.alloc(0)])
  hold.write(ping())
  await flood(20_000)
  // What the client takes in 5 s.
  expect(asked).toEqual([15_000_000])
  expect(hold.read()).toBeNull()
  hold.write(ping(1))
  read[0]?.resolve()
  await time.pass(100)
  expect(said()).toEqual(Buffer.concat([ping(), ping(1)]))
  hold.write(ping(2))
  await flood(20_000)
  expect([asked.length, hold.read()]).toEqual([2, null])
  hold.write("data")
  hold.write(ping(3))
  read[1]?.resolve()
  await time.pass(100)
  expect(said()).toEqual(Buffer.concat([ping(2), Buffer.from("data")]))
  hold.destroy()
})

test.each([
  [2_000_000, []],
  [2_200_000, [11_000_000]],
  [9_000_000, [2 ** 24]],
])(
  "of a client that takes %d bytes a second %p are read ahead: its answer stands behind them",
  async (rate, expected) => {
    using time = virtualTime()
    const asked: number[] = []
    const hold = holdOf(
      () => true,
      async (most) => void asked.push(most),
    )
    hold.write(ping())
    expect(await letGoAfter(time, hold, () => hold.heard(rate / 10))).toBe(15_000)
    expect(asked).toEqual(expected)
  },
)

test("nothing is read ahead for a keep-alive that goes beside a server that is quiet", async () => {
  using time = virtualTime()
  const hold = holdOf(keepsUp, () => Promise.reject(new Error("it was")))
  hold.write(ping())
  await time.pass(200)
  expect(hold.read()).toEqual(ping())
})
