import { Cause, Effect, Option, Schema } from "effect"
import { exitCodeOf } from "../exitCodes.ts"
import { isPathFailure } from "../failures.ts"
import { printable, printableJson } from "../printable.ts"
import { ChildEnded, RunFailed } from "../run/outcomes.ts"
import { ClientEvent, type Report } from "./ClientEvent.ts"

const encode = Schema.encodeSync(ClientEvent, { onExcessProperty: "error" })
/** A reader that does not read keeps nobody from ending. */
const writtenWithinMillis = 1_000

/** Nobody wants to know. */
export const unreported: Report = async () => {}

/** Events on a stream, one JSON object a line. A reader that goes away is no reason to stop. */
export const reportTo = (stream: NodeJS.WriteStream): Report => {
  stream.on("error", () => {})
  return (event) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, writtenWithinMillis)
    const line = printableJson(encode({ ...event, time: new Date().toISOString() } as ClientEvent))
    stream.write(`${line}\n`, () => {
      clearTimeout(timer)
      resolve()
    })
    return promise
  }
}

/** Reports how a command ended, unless it was asked to: `ended` with `run`'s command, else `failed`. */
export const reportingEnd =
  (report: Report) =>
  <A, E, R>(command: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.tapErrorCause(command, (cause) =>
      Cause.isInterruptedOnly(cause) ? Effect.void : Effect.promise(() => report(endOf(cause))),
    )

const endOf = (cause: Cause.Cause<unknown>): Parameters<Report>[0] => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  const exitCode = exitCodeOf(failure)
  if (failure instanceof ChildEnded) return { event: "ended", exitCode }
  const message = failure instanceof Error ? printable(failure.message) : "a mistake in this program"
  const situated = isPathFailure(failure) ? failure : failure instanceof RunFailed ? failure.situation : undefined
  return situated === undefined
    ? { event: "failed", exitCode, message }
    : { event: "failed", exitCode, hop: situated.hop, cause: situated.cause, message }
}
