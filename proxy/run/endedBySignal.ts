import { constants } from "node:os"
import { Effect } from "effect"
import { ChildEnded } from "./outcomes.ts"
import { takeSignals } from "./takeSignals.ts"

/** Exit code of a command that a signal ended, as shells have it: 128 and the signal. */
export const killedBy = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]

/** Waits for a signal and ends as the command would have by it: a command that was never started has not succeeded. */
export const endedBySignal: Effect.Effect<never, ChildEnded> = Effect.async((resume) => {
  const undo = takeSignals((signal) => {
    // The next one ends what is left to do.
    undo()
    resume(new ChildEnded({ exitCode: killedBy(signal) }))
  })
  return Effect.sync(undo)
})
