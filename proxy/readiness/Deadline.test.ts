import { describe, expect, test } from "bun:test"
import { NotAuthenticated, PathBroken, type PathFailure } from "../failures.ts"
import { Deadline } from "./Deadline.ts"
import type { Attempt } from "./Readiness.ts"

/** Time moves only when the test says so. */
class Clock {
  #now = 0
  #timers: { at: number; body: () => void }[] = []
  now = () => this.#now
  after = (millis: number, body: () => void) => {
    const timer = { at: this.#now + millis, body }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer)
    }
  }
  /** Lets everything happen that is due until `millis`, and what it brings about. */
  async until(millis: number) {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const [next] = this.#timers.filter(({ at }) => at <= millis).sort((one, other) => one.at - other.at)
      if (next === undefined) break
      this.#now = next.at
      this.#timers = this.#timers.filter((one) => one !== next)
      next.body()
    }
    this.#now = millis
  }
}

const broken = (hop: "agent" | "relay" | "proxy") => new PathBroken({ hop, cause: "Gone", detail: `no ${hop}` })
const never = new AbortController().signal
const start = (seconds: number) => {
  const clock = new Clock()
  const said: string[] = []
  const deadline = new Deadline(seconds, (cluster, { message }) => void said.push(`${cluster}: ${message}`), clock)
  const reach = (attempt: Attempt<string>, signal = never) => {
    const outcome: { value?: string; failure?: PathFailure } = {}
    deadline.reach({ cluster: "edge-1", hop: "auth-proxy" }, attempt, signal).then(
      (value) => {
        outcome.value = value
      },
      (failure) => {
        outcome.failure = failure
      },
    )
    return outcome
  }
  return { clock, said, deadline, reach }
}

describe("a deadline", () => {
  test("lets a cluster become ready late, and says once that it waits and for what", async () => {
    const { clock, said, reach } = start(60)
    let ready = false
    const outcome = reach(async () => (ready ? "ready" : Promise.reject(broken("agent"))))
    await clock.until(30_000)
    expect(outcome).toEqual({})
    ready = true
    await clock.until(33_000)
    expect(outcome).toEqual({ value: "ready" })
    expect(said).toEqual(["edge-1: no agent"])
  })

  test("names the hop that kept the cluster from being ready last", async () => {
    const { clock, reach } = start(10)
    const outcome = reach(async () => Promise.reject(broken(clock.now() < 5_000 ? "relay" : "agent")))
    await clock.until(10_000)
    expect(outcome.failure).toMatchObject({
      hop: "agent",
      detail: "cluster edge-1 was not ready within 10 s: no agent",
    })
  })

  test("gives up an attempt that is under way", async () => {
    const { clock, reach } = start(10)
    const outcome = reach(() => new Promise(() => {}))
    await clock.until(9_999)
    expect(outcome).toEqual({})
    await clock.until(10_000)
    expect(outcome.failure).toMatchObject({ hop: "auth-proxy", cause: "NoAnswer" })
  })

  test("gives each attempt a time in which to say what keeps it", async () => {
    const { clock, reach } = start(10)
    const times: (number | undefined)[] = []
    reach((withinMillis) => {
      times.push(withinMillis)
      return Promise.reject(broken("agent"))
    })
    await clock.until(10_000)
    expect(times[0]).toBe(2_000)
    for (const millis of times) expect(millis).toBeGreaterThan(0)
  })

  test("is no reason to repeat what waiting does not mend", async () => {
    for (const failure of [
      broken("proxy"),
      new NotAuthenticated({ hop: "relay", cause: "Expired", detail: "expired" }),
    ]) {
      const { clock, said, reach } = start(10)
      const outcome = reach(() => Promise.reject(failure))
      await clock.until(0)
      expect(outcome).toEqual({ failure })
      expect(said).toEqual([])
    }
  })

  test("does not run while a person is asked, and goes on after the answer", async () => {
    const { clock, deadline, reach } = start(10)
    const answer = Promise.withResolvers<boolean>()
    const outcome = reach(async () => {
      await deadline.unhurried(answer.promise)
      return await new Promise<string>(() => {})
    })
    await clock.until(600_000)
    expect(outcome).toEqual({})
    answer.resolve(true)
    await clock.until(609_999)
    expect(outcome).toEqual({})
    await clock.until(610_000)
    expect(outcome.failure).toMatchObject({ cause: "NoAnswer" })
  })

  test("stops when nobody waits any more", async () => {
    const { clock, reach } = start(60)
    const stop = new AbortController()
    let attempts = 0
    const outcome = reach(() => {
      attempts += 1
      return Promise.reject(broken("relay"))
    }, stop.signal)
    await clock.until(1_000)
    stop.abort()
    const before = attempts
    await clock.until(60_000)
    expect(attempts).toBe(before)
    expect(outcome.failure).toBeDefined()
  })
})
