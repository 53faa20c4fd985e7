import { expect, test } from "bun:test"
import type { WebSocket } from "ws"
import { CarrierDialler, type DialAttempt } from "./CarrierDialler.ts"
import { authProxyGone, CarrierRefused } from "./CarrierRefused.ts"

const socket = { terminate: () => {} } as unknown as WebSocket

/** A dialler whose waits and clock are the test's. */
const rig = (
  answers: (WebSocket | Error)[],
  onRefused: () => void = () => {},
  onAttempt: (attempt: number) => void = () => {},
) => {
  const waits: number[] = []
  const attempts: DialAttempt[] = []
  const opened: number[] = []
  let now = 0
  const { promise, resolve } = Promise.withResolvers<string>()
  const dialler = new CarrierDialler(
    async (attempt) => {
      attempts.push(attempt)
      onAttempt(attempts.length)
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!
      if (answer instanceof Error) throw answer
      return answer
    },
    {
      opened: (_socket, generation) => {
        opened.push(generation)
        resolve(`opened ${generation}`)
      },
      failed: () => {},
      refused: (reason) => {
        onRefused()
        resolve(`refused ${reason} after ${now} ms`)
      },
    },
    {
      wait: async (millis) => {
        waits.push(millis)
        now += millis
      },
      now: () => now,
      timeout: () => new AbortController().signal,
    },
  )
  return {
    dialler,
    waits,
    attempts,
    result: promise,
    pass: (millis: number) => {
      now += millis
    },
    attempted: async (times: number) => {
      while (attempts.length < times) await Promise.resolve()
    },
    opened: async (generation: number) => {
      while (!opened.includes(generation)) await Promise.resolve()
    },
  }
}

const refused = (code: string, retriable: boolean, status = 503) =>
  new CarrierRefused({ status, body: "", retriable, code })

test("retries begin at once, then after 0.25 s doubling to 1 s, each with a higher generation", async () => {
  const lost = new Error("network is unreachable")
  const it = rig([lost, lost, lost, lost, lost, lost, socket])
  it.dialler.start("a:1#n")
  expect(await it.result).toBe("opened 7")
  expect(it.waits).toEqual([250, 500, 1_000, 1_000, 1_000, 1_000])
  expect(it.attempts.map((attempt) => attempt.generation)).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(it.attempts.every((attempt) => attempt.instance === "a:1#n")).toBe(true)
})

test("an attempt that hung for longer than its pause is followed at once", async () => {
  const hung = new Error("the attempt took too long")
  const it = rig([hung, hung, hung, socket], undefined, (attempt) => it.pass(attempt === 2 ? 400 : 7_000))
  it.dialler.start("a:1#n")
  expect(await it.result).toBe("opened 4")
  expect(it.waits).toEqual([100])
})

test("a search that begins while the last one is told as refused is not lost", async () => {
  let again = true
  const it = rig([refused("relay-token-expired", false)], () => {
    if (again) it.dialler.start("a:1#n")
    again = false
  })
  it.dialler.start("a:1#n")
  await it.attempted(2)
  expect(it.attempts.map((attempt) => attempt.generation)).toEqual([1, 2])
})

test("a carrier that was lost within a second of its opening is not replaced at once", async () => {
  const it = rig([socket])
  it.dialler.start("a:1#n")
  expect(await it.result).toBe("opened 1")
  it.pass(999)
  it.dialler.start("a:1#n")
  await it.opened(2)
  expect(it.waits).toEqual([250])
  it.pass(1_000)
  it.dialler.start("a:1#n")
  await it.opened(3)
  expect(it.waits).toEqual([250])
})

test("a retriable refusal is retried, a final one ends the search with its word", async () => {
  const it = rig([refused("no-agent", true), refused("relay-token-expired", false)])
  it.dialler.start("a:1#n")
  expect(await it.result).toBe("refused relay-token-expired after 250 ms")
})

for (const status of [401, 403])
  test(`${status} is final whatever else is said`, async () => {
    const it = rig([refused("forbidden", true, status)])
    it.dialler.start("a:1#n")
    expect(await it.result).toBe("refused forbidden after 0 ms")
  })

test("an instance that is not found is searched for 35 s and then gone", async () => {
  const it = rig([refused(authProxyGone, true)])
  it.dialler.start("a:1#n")
  const result = await it.result
  expect(result).toStartWith("refused auth-proxy-gone after ")
  expect(Number(/\d+/.exec(result)![0])).toBeGreaterThanOrEqual(35_000)
  expect(Number(/\d+/.exec(result)![0])).toBeLessThan(38_000)
})

test("other failures in between start the 35 s anew, since the instance was not looked for", async () => {
  const answers: (WebSocket | Error)[] = Array.from({ length: 15 }, () => refused(authProxyGone, true))
  const it = rig([...answers, refused("no-agent", true), ...answers, socket])
  it.dialler.start("a:1#n")
  expect(await it.result).toBe("opened 32")
})

test("a carrier that opens after the stream has ended is closed", async () => {
  const dialling = Promise.withResolvers<WebSocket>()
  const closed = Promise.withResolvers<void>()
  const dialler = new CarrierDialler(() => dialling.promise, { opened: () => {}, failed: () => {}, refused: () => {} })
  const attempt = dialler.attempt(undefined)
  dialler.stop()
  await expect(attempt).rejects.toThrow("the stream has ended")
  dialling.resolve({ terminate: () => closed.resolve() } as unknown as WebSocket)
  await closed.promise
})
