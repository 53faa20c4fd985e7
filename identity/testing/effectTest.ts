import { test } from "bun:test"
import { Effect, Logger, type Scope, TestClock, TestContext } from "effect"

/**
 * A test in an Effect with a scope of its own. Its clock begins at the true time and then moves only by TestClock.adjust,
 * so that nothing waits.
 */
export const effectTest = <E>(name: string, body: () => Effect.Effect<void, E, Scope.Scope>): void =>
  test(name, () =>
    Effect.runPromise(
      TestClock.setTime(Date.now()).pipe(
        Effect.zipRight(Effect.suspend(body)),
        Effect.scoped,
        Effect.provide(Logger.remove(Logger.defaultLogger)),
        Effect.provide(TestContext.TestContext),
      ),
    ),
  )
