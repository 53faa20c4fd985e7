import { expect, test } from "bun:test"
import { Effect, Fiber, Option, TestClock, TestContext } from "effect"
import { accountRefused } from "./accountRefused.ts"
import { QuestionUnanswered } from "./askApiServer.ts"

/** How many questions it takes until the account counts as gone; undefined when these answers do not suffice. */
const questionsUntilGone = (answers: readonly (number | "none")[]): Promise<number | undefined> =>
  Effect.gen(function* () {
    let asked = 0
    const ask = Effect.suspend(() => {
      const answer = answers[asked++] ?? 200
      return answer === "none"
        ? Effect.fail(new QuestionUnanswered({ detail: "ECONNREFUSED" }))
        : Effect.succeed({ status: answer, body: undefined })
    })
    const watch = yield* Effect.fork(accountRefused(ask))
    for (let question = 1; question <= answers.length; question++) {
      yield* TestClock.adjust("5 seconds")
      if (Option.isSome(yield* Fiber.poll(watch))) return asked
    }
    yield* Fiber.interrupt(watch)
    return undefined
  }).pipe(Effect.provide(TestContext.TestContext), Effect.runPromise)

test("an account is gone when it was refused three times in a row", async () => {
  expect(await questionsUntilGone([200, 401, 401, 401])).toBe(4)
})

test("an answer in between begins anew, whatever it is, and no answer is none", async () => {
  expect(await questionsUntilGone([401, 401, 200, 401, 401, 403, 401, 500, 401])).toBeUndefined()
  expect(await questionsUntilGone([401, "none", 401, "none", "none", 401])).toBe(6)
  expect(await questionsUntilGone(["none", "none", "none", "none"])).toBeUndefined()
})
