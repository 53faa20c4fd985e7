import { expect, test } from "bun:test"
import { Effect, Fiber, TestClock, TestContext } from "effect"
import { idle } from "./idleEnd.ts"

test("a proxy is idle when nobody was connected nor asked for the credential for the whole time", () =>
  Effect.runPromise(
    Effect.gen(function* () {
      const clock = yield* Effect.clock
      const nowMillis = () => clock.unsafeCurrentTimeMillis()
      let connections = 1
      let askedAt = nowMillis()
      const waiting = yield* Effect.fork(
        idle({ connections: () => connections, askedAt: () => askedAt, nowMillis, idleSeconds: 600 }),
      )
      const over = () => Effect.map(Fiber.poll(waiting), ({ _tag }) => _tag === "Some")
      yield* TestClock.adjust("2 hours")
      expect(yield* over()).toBe(false)
      connections = 0
      yield* TestClock.adjust("9 minutes")
      expect(yield* over()).toBe(false)
      askedAt = nowMillis()
      yield* TestClock.adjust("9 minutes")
      expect(yield* over()).toBe(false)
      yield* TestClock.adjust("2 minutes")
      expect(yield* over()).toBe(true)
    }).pipe(Effect.provide(TestContext.TestContext)),
  ))
