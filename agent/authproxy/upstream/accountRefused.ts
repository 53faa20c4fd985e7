import { Effect, Either } from "effect"
import { readClaims } from "../../../identity/readClaims.ts"
import type { Answer, QuestionUnanswered } from "./askApiServer.ts"

/** An API server that has just started may not know its accounts yet: one refusal says nothing. */
const refusalsNeeded = 3
const lookMillis = 5_000
/** Clocks of a node and of the API server differ: a token whose end is so near may be over there. */
const clockSkewMillis = 60_000

/** What anybody may read, so that 401 is about the credential alone. */
export const whoAmI = { method: "GET", target: "/version" } as const

/**
 * Completes when the API server has refused the auth proxy's own credential three times in a row, five seconds apart: its account
 * was deleted, as happens with the resource that it belongs to. Never fails. Whatever else comes in between begins the count anew:
 * another status, no answer, or a refusal of a token that `isInDate` does not hold for.
 */
export const accountRefused = (
  ask: Effect.Effect<Answer, QuestionUnanswered>,
  isInDate: () => boolean,
): Effect.Effect<void> =>
  Effect.iterate(0, {
    while: (refusals) => refusals < refusalsNeeded,
    body: (refusals) =>
      Effect.sleep(lookMillis).pipe(
        Effect.zipRight(ask),
        Effect.map(({ status }) => (status === 401 && isInDate() ? refusals + 1 : 0)),
        Effect.orElseSucceed(() => 0),
      ),
  }).pipe(Effect.asVoid)

/**
 * Whether a refusal of this token says something about its account: not when the token is over, as that of a pod that drains for
 * longer than its token lives. One without an `exp` is never over.
 */
export const inDate = (token: string | undefined, nowMillis: number): boolean => {
  if (token === undefined) return false
  const claims = Either.getOrUndefined(readClaims(token))
  return claims?.expiresAt === undefined || claims.expiresAt.getTime() - clockSkewMillis > nowMillis
}
