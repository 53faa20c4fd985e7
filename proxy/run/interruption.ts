import { exitCode } from "../exitCodes.ts"
import { killedBy } from "./endedBySignal.ts"
import { type EndSignal, endSignals } from "./takeSignals.ts"

let first: EndSignal | undefined
let serves = false

/** From now on all signals that end a program end this one in order, with its finalizers, and it is known which one did. */
export const followSignals = (): void => {
  for (const signal of endSignals()) {
    const follow = () => {
      first ??= signal
      // Effect's own way to end a program knows the other two.
      if (signal === "SIGHUP") process.emit("SIGTERM", "SIGTERM")
    }
    // A terminal that is closed says so twice, by the shell and by the kernel; whoever presses Ctrl+C twice has had enough.
    if (signal === "SIGHUP") process.on(signal, follow)
    else process.once(signal, follow)
  }
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
