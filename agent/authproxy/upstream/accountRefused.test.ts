import { expect, test } from "bun:test"
import { Effect, Fiber, Option, TestClock, TestContext } from "effect"
import { accountRefused, inDate } from "./accountRefused.ts"
import { QuestionUnanswered } from "./askApiServer.ts"

/** How many questions it takes until the account counts as gone; undefined when these answers do not suffice. */
const questionsUntilGone = (
  answers: readonly (number | "none")[],
  isInDate: (asked: number) => boolean = () => true,
): Promise<number | undefined> =>
  Effect.gen(function* () {
    let asked = 0
    const ask = Effect.suspend(() => {
      const answer = answers[asked++] ?? 200
      return answer === "none"
        ? Effect.fail(new QuestionUnanswered({ detail: "ECONNREFUSED" }))
        : Effect.succeed({ status: answer, body: undefined })
    })
    const watch = yield* Effect.fork(accountRefused(ask, () => isInDate(asked)))
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

test("an answer in between begins anew, whatever it is, and so does a question without one", async () => {
  expect(await questionsUntilGone([401, 401, 200, 401, 401, 403, 401, 500, 401])).toBeUndefined()
  expect(await questionsUntilGone([401, "none", 401, "none", "none", 401])).toBeUndefined()
  expect(await questionsUntilGone([401, 401, "none", 401, 401, 401])).toBe(6)
  expect(await questionsUntilGone(["none", "none", "none", "none"])).toBeUndefined()
})

test("a token that is over says nothing of its account", async () => {
  expect(await questionsUntilGone([401, 401, 401, 401], () => false)).toBeUndefined()
  expect(await questionsUntilGone([401, 401, 401, 401, 401, 401], (asked) => asked !== 2)).toBe(5)
})

test("a token is in date until a minute before its end; one that names no end always is, and none never", () => {
  const now = Date.now()
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const token = (claims: object) => `${part({ alg: "RS256" })}.${part(claims)}.c2ln`
  const ending = (seconds: number) => inDate(token({ exp: Math.floor(now / 1000) + seconds }), now)
  expect([ending(3_600), ending(62), ending(60), ending(0), ending(-1)]).toEqual([true, true, false, false, false])
  expect([inDate(token({}), now), inDate("opaque", now), inDate(undefined, now)]).toEqual([true, true, false])
})
