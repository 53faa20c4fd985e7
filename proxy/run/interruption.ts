import { exitCode } from "../exitCodes.ts"
import { killedBy } from "./endedBySignal.ts"
import { type EndSignal, endSignals } from "./takeSignals.ts"

let first: EndSignal | undefined
let serves = false

/** From now on all signals that end a program end this one in order, with its finalizers, and it is known which one did. */
export const followSignals = (): void => {
  const heard = (signal: EndSignal) => () => {
    first ??= signal
    // Effect's own way to end a program knows the other two.
    if (signal === "SIGHUP") return void process.emit("SIGTERM", "SIGTERM")
    // As Effect does: whoever asks a second time has had enough.
    process.off("SIGINT", interrupted)
    process.off("SIGTERM", terminated)
  }
  const [interrupted, terminated] = [heard("SIGINT"), heard("SIGTERM")]
  process.on("SIGINT", interrupted)
  process.on("SIGTERM", terminated)
  // For good: a terminal that is closed says so twice, by the shell and by the kernel.
  if (endSignals().includes("SIGHUP")) process.on("SIGHUP", heard("SIGHUP"))
}

/** The program now does what it was started for, until it is ended: that end is a success. */
export const nowServing = (): void => {
  serves = true
}

/** Exit code of a program that was interrupted: success once it has served, else as shells have it, 128 and the signal. */
export const interruptedCode = (otherwise: number): number => {
  if (serves) return exitCode.success
  return first === undefined ? otherwise : killedBy(first)
}
