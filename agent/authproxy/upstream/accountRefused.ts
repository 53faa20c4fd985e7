import { Effect } from "effect"
import type { Answer, QuestionUnanswered } from "./askApiServer.ts"

/** An API server that has just started may not know its accounts yet: one refusal says nothing. */
const refusalsNeeded = 3
const lookMillis = 5_000

/** What anybody may read, so that 401 is about the credential alone. */
export const whoAmI = { method: "GET", target: "/version" } as const

/**
 * Completes when the API server has refused the auth proxy's own credential three times in a row, five seconds apart: its account
 * was deleted, as happens with the resource that it belongs to. Never fails. A question without an answer counts for nothing.
 */
export const accountRefused = (ask: Effect.Effect<Answer, QuestionUnanswered>): Effect.Effect<void> =>
  Effect.iterate(0, {
    while: (refusals) => refusals < refusalsNeeded,
    body: (refusals) =>
      Effect.sleep(lookMillis).pipe(
        Effect.zipRight(ask),
        Effect.map(({ status }) => (status === 401 ? refusals + 1 : 0)),
        Effect.orElseSucceed(() => refusals),
      ),
  }).pipe(Effect.asVoid)
