import { expect, test } from "bun:test"
import { Deferred, Effect, Exit, Fiber, type Scope, TestClock, TestContext } from "effect"
import { makeKeyedWork } from "./KeyedWork.ts"

const scenario = (body: Effect.Effect<void, never, Scope.Scope>) =>
  Effect.runPromise(Effect.scoped(body).pipe(Effect.provide(TestContext.TestContext)))
const noted = (ran: string[], key: string) => Effect.sync(() => void ran.push(key))
/** Everything that can go on without time passing has gone on. */
const settled = Effect.repeatN(Effect.yieldNow(), 50)

test("a key is run at once when it is woken, and again after the time that the run asked for", () =>
  scenario(
    Effect.gen(function* () {
      const ran: string[] = []
      const work = yield* makeKeyedWork((key) => Effect.as(noted(ran, key), { againMillis: 1000 }))
      yield* work.wake("a")
      yield* settled
      expect(ran).toEqual(["a"])
      yield* TestClock.adjust(999)
      expect(ran).toEqual(["a"])
      yield* TestClock.adjust(1)
      yield* settled
      expect(ran).toEqual(["a", "a"])
    }),
  ))

test("wakes during a run make one more run, and never two at a time", () =>
  scenario(
    Effect.gen(function* () {
      const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      let begun = 0
      let running = 0
      const work = yield* makeKeyedWork(() =>
        Effect.gen(function* () {
          running += 1
          expect(running).toBe(1)
          yield* Deferred.await(gates[begun++]!)
          running -= 1
          return "when woken" as const
        }),
      )
      yield* work.wake("a")
      yield* settled
      yield* Effect.all([work.wake("a"), work.wake("a"), work.wake("a")])
      yield* settled
      expect(begun).toBe(1)
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* settled
      expect(begun).toBe(2)
      yield* Deferred.succeed(gates[1]!, undefined)
      yield* settled
      expect(begun).toBe(2)
    }),
  ))

test("keys do not wait for each other", () =>
  scenario(
    Effect.gen(function* () {
      const ran: string[] = []
      const work = yield* makeKeyedWork((key) =>
        key === "stuck" ? Effect.never : Effect.as(noted(ran, key), "when woken" as const),
      )
      yield* work.wake("stuck")
      yield* work.wake("b")
      yield* settled
      expect(ran).toEqual(["b"])
    }),
  ))

test("a key whose work is over is run anew when it is woken later", () =>
  scenario(
    Effect.gen(function* () {
      const ran: string[] = []
      const work = yield* makeKeyedWork((key) => Effect.as(noted(ran, key), "when woken" as const))
      for (const expected of [1, 2, 3]) {
        yield* work.wake("a")
        yield* settled
        expect(ran).toHaveLength(expected)
      }
    }),
  ))

test("a run that breaks is tried again, and other keys go on", () =>
  scenario(
    Effect.gen(function* () {
      let runs = 0
      const work = yield* makeKeyedWork(() => Effect.suspend(() => Effect.die(new Error(`break ${runs++}`))))
      yield* work.wake("a")
      yield* settled
      expect(runs).toBe(1)
      yield* TestClock.adjust(30_000)
      yield* settled
      expect(runs).toBe(2)
    }),
  ))

test("all runs end with the scope", () =>
  scenario(
    Effect.gen(function* () {
      let interrupted = false
      const fiber = yield* Effect.fork(
        Effect.scoped(
          Effect.gen(function* () {
            const work = yield* makeKeyedWork(() =>
              Effect.onInterrupt(Effect.never, () =>
                Effect.sync(() => {
                  interrupted = true
                }),
              ),
            )
            yield* work.wake("a")
            return yield* Effect.never
          }),
        ),
      )
      yield* settled
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      expect(interrupted).toBe(true)
    }),
  ))
