import { describe, expect, test } from "bun:test"
import { PathBroken, RefusedByPolicy } from "../failures.ts"
import { ConnectionPool, type PooledConnection } from "./ConnectionPool.ts"
import { idleMillis, provenLive, retryMillis, toOpen, usable } from "./poolRules.ts"

/** Time that passes only when the test says so. */
class HandClock {
  time = 0
  #timers = new Set<{ at: number; body: () => void }>()
  now = () => this.time
  after = (millis: number, body: () => void) => {
    const timer = { at: this.time + millis, body }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }
  async pass(millis: number) {
    const until = this.time + millis
    for (;;) {
      await settled()
      const next = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.time = next.at
      next.body()
    }
    this.time = until
    await settled()
  }
}

const settled = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

class FakeConnection implements PooledConnection {
  attached = true
  draining = false
  lastHeardMillis: number
  finalFailure = undefined
  pathMillis: number | undefined = undefined
  destroyed: string | undefined
  probes = 0
  answersProbes = true
  readonly #clock: HandClock
  #suspended: () => void = () => {}
  #closed: () => void = () => {}
  #draining: () => void = () => {}
  constructor(clock: HandClock) {
    this.#clock = clock
    this.lastHeardMillis = clock.time
  }
  async probe() {
    this.probes += 1
    if (!this.answersProbes) return await new Promise<void>(() => {})
    this.lastHeardMillis = this.#clock.time
  }
  setInUse() {}
  onSuspended(listener: () => void) {
    this.#suspended = listener
    return () => {}
  }
  onDraining(listener: () => void) {
    this.#draining = listener
  }
  onClosed(listener: () => void) {
    this.#closed = listener
  }
  destroy(why: string) {
    this.destroyed = why
    this.#closed()
  }
  suspend() {
    this.attached = false
    this.#suspended()
  }
  drain() {
    this.draining = true
    this.#draining()
  }
}

const never = new AbortController().signal

const pooled = () => {
  const clock = new HandClock()
  const made: FakeConnection[] = []
  const state = { open: async () => new FakeConnection(clock) }
  const pool = new ConnectionPool<FakeConnection>(
    "edge-1",
    async () => {
      const connection = await state.open()
      made.push(connection)
      return connection
    },
    clock,
  )
  return { clock, made, state, pool }
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe("the pool", () => {
  test("opens nothing before it is used, then two more than are in use", async () => {
    const { pool, made } = pooled()
    expect(made.length).toBe(0)
    await pool.acquire("attached", never)
    await settled()
    expect(pool.counts).toMatchObject({ busy: 1, idle: 2, opening: 0 })
  })
  test("serves fifty at once, each on a connection of its own, and uses them again", async () => {
    const { pool, made } = pooled()
    const got = await Promise.all(Array.from({ length: 50 }, () => pool.acquire("attached", never)))
    expect(new Set(got).size).toBe(50)
    for (const connection of got) pool.release(connection)
    await Promise.all(Array.from({ length: 50 }, () => pool.acquire("attached", never)))
    await settled()
    expect(made.length).toBeLessThanOrEqual(54)
  })
  test("gives up an idle connection whose auth proxy drains, and keeps another ready; one in use goes on", async () => {
    const { pool, made } = pooled()
    const busy = await pool.acquire("attached", never)
    await settled()
    const idle = made.find((connection) => connection !== busy)!
    for (const connection of [busy, idle]) connection.drain()
    await settled()
    expect([idle.destroyed, busy.destroyed]).toEqual(["draining", undefined])
    expect(pool.counts).toMatchObject({ busy: 1, idle: 2, opening: 0 })
    pool.release(busy)
    expect(busy.destroyed).toBe("released")
  })
  test("keeps no connection whose auth proxy began to drain while it was being opened", async () => {
    const { pool, made, state, clock } = pooled()
    const busy = await pool.acquire("attached", never)
    await settled()
    let opened = 0
    state.open = async () => {
      const connection = new FakeConnection(clock)
      connection.draining = opened === 0
      opened += 1
      return connection
    }
    const [, idle] = made
    idle!.destroy("gone")
    await settled()
    expect(made.slice(-2).map(({ draining, destroyed }) => [draining, destroyed])).toEqual([
      [true, "draining"],
      [false, undefined],
    ])
    expect(pool.counts.idle).toBe(2)
    pool.release(busy)
  })

  test("hands out no connection that is suspended, draining or was silent for 10 s", async () => {
    const { pool, made, clock } = pooled()
    const first = await pool.acquire("attached", never)
    await settled()
    pool.release(first)
    made[0]!.suspend()
    expect(made[0]!.destroyed).toBe("suspended")
    made[1]!.draining = true
    for (const connection of made.slice(2)) connection.lastHeardMillis = -20_000
    const got = await pool.acquire("attached", never)
    expect(made.slice(0, 3)).not.toContain(got)
    expect(usable({ attached: true, draining: false, lastHeardMillis: clock.time - 10_000 }, clock.time)).toBe(false)
  })
  test("proves a connection by a probe before a mutation if it was not heard from within 2 s", async () => {
    const { pool, clock } = pooled()
    const first = await pool.acquire("proven", never)
    expect(first.probes).toBe(0)
    pool.release(first)
    await clock.pass(2_100)
    const again = await pool.acquire("proven", never)
    expect(again.probes).toBe(1)
  })
  test("takes another connection for a mutation when one does not answer the probe within 2 s", async () => {
    const { pool, clock, made } = pooled()
    pool.release(await pool.acquire("proven", never))
    await clock.pass(3_000)
    for (const connection of made) connection.answersProbes = false
    const old = new Set(made)
    const acquired = pool.acquire("proven", never)
    await clock.pass(7_900)
    const got = await acquired
    expect(old.has(got)).toBe(false)
    expect([...old].some((connection) => connection.destroyed === "unproven")).toBe(true)
  })
  test("waits for the proof of life as long as a slow path takes, but not past the request's time", async () => {
    const { pool, clock, made } = pooled()
    pool.release(await pool.acquire("proven", never))
    await clock.pass(3_000)
    const pong = Promise.withResolvers<void>()
    for (const connection of made) {
      connection.pathMillis = 1_000
      connection.probe = () => pong.promise
    }
    const acquired = pool.acquire("proven", never)
    await clock.pass(3_900)
    const slow = made.find((connection) => connection.destroyed !== undefined)
    expect(slow).toBeUndefined()
    for (const connection of made) connection.lastHeardMillis = clock.time
    pong.resolve()
    expect(made).toContain(await acquired)

    await clock.pass(3_000)
    for (const connection of made) {
      connection.pathMillis = 60_000
      connection.probe = () => new Promise<void>(() => {})
    }
    const failed = failureOf(pool.acquire("proven", never))
    await clock.pass(8_000)
    expect(await failed).toBeInstanceOf(PathBroken)
  })
  test("gives no connection to a caller who left while it was proven", async () => {
    const { pool, clock, made } = pooled()
    pool.release(await pool.acquire("proven", never))
    await clock.pass(3_000)
    const leaves = new AbortController()
    const probed = Promise.withResolvers<void>()
    for (const connection of made) connection.probe = () => probed.promise
    const failure = failureOf(pool.acquire("proven", leaves.signal))
    await settled()
    leaves.abort(new Error("left"))
    probed.resolve()
    expect(await failure).toMatchObject({ message: "left" })
    expect(pool.counts.busy).toBe(0)
  })
  test("asks only once when many connections went silent together", async () => {
    const { pool, clock, made } = pooled()
    const all = await Promise.all(Array.from({ length: 20 }, () => pool.acquire("attached", never)))
    for (const connection of all) pool.release(connection)
    await clock.pass(3_000)
    for (const connection of made) connection.answersProbes = false
    const acquired = pool.acquire("proven", never)
    await clock.pass(2_000)
    expect((await acquired).probes).toBe(0)
  })
  test("tries again while somebody waits and fails after 8 s with what failed last", async () => {
    const { pool, clock, state } = pooled()
    let attempts = 0
    state.open = async () => {
      attempts += 1
      throw new PathBroken({ hop: "agent", cause: "NoSession", detail: `attempt ${attempts}` })
    }
    const failure = failureOf(pool.acquire("attached", never))
    await clock.pass(7_999)
    expect(attempts).toBeGreaterThan(4)
    await clock.pass(1)
    expect(await failure).toMatchObject({ hop: "agent", cause: "NoSession" })
    const before = attempts
    await clock.pass(60_000)
    expect(attempts).toBe(before)
  })
  test("succeeds as soon as the path is whole again within those 8 s", async () => {
    const { pool, clock, state } = pooled()
    const works = state.open
    state.open = async () => {
      throw new PathBroken({ hop: "relay", cause: "x", detail: "x" })
    }
    const acquired = pool.acquire("attached", never)
    await clock.pass(3_000)
    state.open = works
    await clock.pass(2_000)
    expect((await acquired).attached).toBe(true)
  })
  test("ends the pause after failures when a connection opens: whoever waits is served by the next", async () => {
    const { pool, clock, state } = pooled()
    const works = state.open
    const first = Promise.withResolvers<void>()
    const openings = [
      async () => {
        await first.promise
        return await works()
      },
    ]
    state.open = async () => {
      const one = openings.shift()
      if (one !== undefined) return await one()
      throw new PathBroken({ hop: "relay", cause: "x", detail: "x" })
    }
    const acquired = [pool.acquire("attached", never), pool.acquire("attached", never)]
    await clock.pass(4_500)
    state.open = works
    first.resolve()
    await clock.pass(0)
    expect((await Promise.all(acquired)).map(({ attached }) => attached)).toEqual([true, true])
  })
  test("counts connections that failed side by side as one failure", async () => {
    const { pool, clock, state } = pooled()
    let attempts = 0
    state.open = async () => {
      attempts += 1
      throw new PathBroken({ hop: "relay", cause: "x", detail: "x" })
    }
    const failures = Array.from({ length: 8 }, () => failureOf(pool.acquire("attached", never)))
    await clock.pass(249)
    const before = attempts
    await clock.pass(1 + 499)
    expect(attempts).toBe(2 * before)
    await clock.pass(1)
    expect(attempts).toBe(3 * before)
    await clock.pass(8_000)
    await Promise.all(failures)
  })
  test("lets nobody wait for what will not change", async () => {
    const { pool, state } = pooled()
    state.open = async () => {
      throw new RefusedByPolicy({ hop: "relay", cause: "Revoked", detail: "no" })
    }
    expect(await failureOf(pool.acquire("attached", never))).toMatchObject({ cause: "Revoked" })
  })
  test("says so when the caller's own requests hold every connection", async () => {
    const { pool, clock } = pooled()
    await Promise.all(Array.from({ length: 240 }, () => pool.acquire("attached", never)))
    const failure = failureOf(pool.acquire("attached", never))
    await clock.pass(8_000)
    expect(await failure).toMatchObject({ cause: "TooManyConnections", hop: "proxy" })
  })
  test("forgets a client that leaves while it waits", async () => {
    const { pool, state } = pooled()
    state.open = () => new Promise(() => {})
    const left = new AbortController()
    const failure = failureOf(pool.acquire("attached", left.signal))
    left.abort(new Error("left"))
    expect(await failure).toMatchObject({ message: "left" })
    expect(pool.counts.waiting).toBe(0)
  })
  test("keeps idle connections proven while in use and closes them after 120 s without a request", async () => {
    const { pool, clock, made } = pooled()
    pool.release(await pool.acquire("attached", never))
    await clock.pass(60_000)
    expect(made.every(({ destroyed }) => destroyed === undefined)).toBe(true)
    const opened = made.length
    await pool.acquire("attached", never).then((connection) => pool.release(connection))
    expect(made.length).toBe(opened)
    await clock.pass(idleMillis + 10_000)
    expect(made.every(({ destroyed }) => destroyed === "idle")).toBe(true)
    expect(pool.counts).toMatchObject({ idle: 0, opening: 0 })
  })
  test("closes everything and fails those who wait when it is closed", async () => {
    const { pool, made, state } = pooled()
    await pool.acquire("attached", never)
    await settled()
    state.open = () => new Promise(() => {})
    await Promise.all([pool.acquire("attached", never), pool.acquire("attached", never)])
    const failure = failureOf(pool.acquire("attached", never))
    await settled()
    pool.close()
    expect(await failure).toMatchObject({ cause: "Closing" })
    expect(made.every(({ destroyed }) => destroyed !== undefined)).toBe(true)
  })
})

test("a pool opens one for each that waits and two ready, never beyond its bound", () => {
  const quiet = { busy: 0, idle: 0, opening: 0, waiting: 0, quietMillis: Number.POSITIVE_INFINITY }
  expect(toOpen(quiet)).toBe(0)
  expect(toOpen({ ...quiet, waiting: 1 })).toBe(3)
  expect(toOpen({ ...quiet, waiting: 18, opening: 6 })).toBe(14)
  expect(toOpen({ ...quiet, waiting: 30, opening: 10 })).toBe(14)
  expect(toOpen({ ...quiet, busy: 3, idle: 2 })).toBe(0)
  expect(toOpen({ ...quiet, busy: 3, idle: 1 })).toBe(1)
  expect(toOpen({ ...quiet, busy: 239, waiting: 9 })).toBe(1)
})

test("life is proven for 2 s, and attempts slow down to one in 2 s", () => {
  const view = { attached: true, draining: false, lastHeardMillis: 0 }
  expect([provenLive(view, 1_999), provenLive(view, 2_000)]).toEqual([true, false])
  expect([1, 2, 3, 4, 5, 50].map(retryMillis)).toEqual([250, 500, 1_000, 2_000, 2_000, 2_000])
})
