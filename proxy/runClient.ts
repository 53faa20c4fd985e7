import { ValidationError } from "@effect/cli"
import { BunContext, BunRuntime } from "@effect/platform-bun"
import { Cause, Effect, Exit, Option } from "effect"
import { runCommandLine } from "../platform/commandLine.ts"
import { version as programVersion } from "../platform/version.ts"
import { backgroundProxy, isBackgroundProxy } from "./background/backgroundProxy.ts"
import { Reported } from "./background/outcomes.ts"
import { splitAtDashes } from "./commands/run.ts"
import { exitCode, exitCodeOf } from "./exitCodes.ts"
import { afterSpending } from "./login/spending.ts"
import { printable } from "./printable.ts"
import { program } from "./program.ts"
import { followSignals, interruptedCode } from "./run/interruption.ts"
import { ChildEnded } from "./run/outcomes.ts"

/** Runs the command line to the end of the process; its exit code says what kind of failure there was. */
export const runClient = (): void => {
  const [argv, child] = splitAtDashes(process.argv)
  followSignals()
  // A reader that goes away is no reason to leave a kubeconfig behind; who writes what was asked for hears of it by the write.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

  const chosen: Effect.Effect<void, unknown, BunContext.BunContext> = isBackgroundProxy(argv)
    ? backgroundProxy
    : runCommandLine(program(child), { name: "clusterconnect", version: programVersion, argv })

  chosen.pipe(
    Effect.tapErrorCause((cause) =>
      Effect.sync(() => {
        const failure = Option.getOrUndefined(Cause.failureOption(cause))
        // The parser has said already what it did not understand, and a child speaks for itself.
        if (ValidationError.isValidationError(failure)) return
        if (failure instanceof ChildEnded || failure instanceof Reported) return
        const text = failure instanceof Error ? printable(failure.message) : Cause.pretty(cause)
        if (!Cause.isInterruptedOnly(cause)) process.stderr.write(`clusterconnect: ${text}\n`)
      }),
    ),
    Effect.provide(BunContext.layer),
    BunRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) =>
        afterSpending(() =>
          onExit(
            Exit.match(exit, {
              onSuccess: () => exitCode.success,
              onFailure: (cause) =>
                Cause.isInterruptedOnly(cause)
                  ? interruptedCode(child === undefined ? exitCode.failure : exitCode.run)
                  : exitCodeOf(Option.getOrUndefined(Cause.failureOption(cause))),
            }),
          ),
        ),
    }),
  )
}
