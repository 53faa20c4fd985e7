import { type Command, ValidationError } from "@effect/cli"
import { BunContext, BunRuntime } from "@effect/platform-bun"
import { Cause, Effect, Exit } from "effect"
import { makeLog, redact } from "../logs.ts"
import { unprintable } from "../unprintable.ts"
import { version } from "../version.ts"
import { runCommandLine } from "./runCommandLine.ts"

/** What a relay says reaches a terminal here. Lines stay lines. */
const printableLines = (text: string) => text.replace(unprintable, (found) => (found === "\n" ? found : " "))
const [failureExitCode, usageExitCode] = [1, 2]

/**
 * Runs a server's command line to the end of the process: exit code 0 also after SIGTERM or SIGINT, 2 for a command line that is not
 * understood, 1 for any other failure. Its message is one line of the log `log` for a command of `running`, those that go on
 * running; every other command answers a person, in plain text.
 */
export const runProgram = <Name extends string, E, A>(
  root: Command.Command<Name, BunContext.BunContext, E, A>,
  { name, log, running }: { readonly name: string; readonly log: string; readonly running: readonly string[] },
): void =>
  runCommandLine(root, { name, version, argv: process.argv }).pipe(
    Effect.tapErrorCause((cause) =>
      // What is wrong with the command line was printed already.
      Cause.squash(cause) instanceof Error && !Cause.isInterruptedOnly(cause)
        ? Effect.sync(() => {
            const { message } = Cause.squash(cause) as Error
            if (running.includes(process.argv[2] ?? "")) makeLog({ program: log }).error(message)
            else process.stderr.write(`${name}: ${redact(printableLines(message))}\n`)
          })
        : Effect.void,
    ),
    Effect.provide(BunContext.layer),
    BunRuntime.runMain({
      disableErrorReporting: true,
      disablePrettyLogger: true,
      teardown: (exit, onExit) =>
        onExit(
          Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)
            ? 0
            : ValidationError.isValidationError(Cause.squash(exit.cause))
              ? usageExitCode
              : failureExitCode,
        ),
    }),
  )
