import { Command, Options, ValidationError } from "@effect/cli"
import { BunContext, BunRuntime } from "@effect/platform-bun"
import { Cause, Data, Effect, Exit, Option, type Types } from "effect"
import { defaultsTo, runCommandLine, wrongUsage } from "../platform/commandLine.ts"
import { version } from "../platform/version.ts"

/** Options that several programs take. */
export const quick = Options.boolean("quick").pipe(
  Options.withDescription("Less of everything, to see that it works; the figures are worth nothing."),
)
export const out = Options.text("out").pipe(
  Options.withPseudoName("FOLDER"),
  Options.withDescription("Where results are written."),
  defaultsTo("dist/measurements"),
)
/** What is random. `another` draws one where none is given. */
export const seed = (another = () => Date.now() % 1_000_000) =>
  Options.integer("seed").pipe(
    Options.withPseudoName("N"),
    Options.withDescription("What an earlier run printed, to do the same again. Default: another one each time."),
    Options.optional,
    Options.map(Option.getOrElse(another)),
  )
export const count = (name: string, about: string, otherwise: number) =>
  Options.integer(name).pipe(Options.withPseudoName("N"), Options.withDescription(about), defaultsTo(otherwise))
/** A count whose default depends on other options, in words. */
export const countOr = (name: string, about: string, otherwise: string) =>
  Options.integer(name).pipe(
    Options.withPseudoName("N"),
    Options.withDescription(`${about} Default: ${otherwise}.`),
    Options.optional,
    Options.map(Option.getOrUndefined),
  )
/** Nothing is found in no rounds, or in no time. */
const moreThanNone = (name: string) => (value: number) =>
  value > 0 ? Effect.succeed(value) : Effect.fail(wrongUsage(`--${name} ${value}: expected more than 0`))
export const minutes = Options.float("minutes").pipe(
  Options.mapEffect(moreThanNone("minutes")),
  Options.withPseudoName("N"),
  Options.withDescription("For how long."),
  defaultsTo(10),
)
export const rounds = (about: string, otherwise: string) =>
  countOr("rounds", about, otherwise).pipe(
    Options.mapEffect((value) => (value === undefined ? Effect.succeed(value) : moreThanNone("rounds")(value))),
  )

const exitCodes = { well: 0, failed: 1, wrongUsage: 2, interrupted: 130 }

/** Said by the program itself, in its results. */
class NotWell extends Data.TaggedError("NotWell") {}

/**
 * Runs a program for people to the end of the process: exit code 0 when `run` finds all well, 1 when it does not or throws, 2 for a command line that is
 * not understood, 130 after SIGINT or SIGTERM; each time after everything on the stack has been disposed of. `name` is what a person types.
 */
export const runLong = <const Config extends Command.Command.Config>(
  { name, about, options }: { readonly name: string; readonly about: string; readonly options: Config },
  run: (stack: AsyncDisposableStack, given: Types.Simplify<Command.Command.ParseConfig<Config>>) => Promise<boolean>,
): void =>
  runTool(
    Command.make(name, options, (given) =>
      Effect.acquireUseRelease(
        Effect.sync(() => new AsyncDisposableStack()),
        (stack) => Effect.promise(() => run(stack, given)),
        (stack) => Effect.promise(() => stack.disposeAsync()),
      ).pipe(Effect.flatMap((isWell) => (isWell ? Effect.void : new NotWell()))),
    ).pipe(Command.withDescription(about)),
  )

/** The same of any command line. A failure is told by its message, a defect with where it came from. Ends the process also where a handle is still open. */
export const runTool = <Name extends string, E, A>(
  command: Command.Command<Name, BunContext.BunContext, E, A>,
): void => {
  const [name = ""] = Command.getNames(command)
  runCommandLine(command, { name, version, argv: process.argv }).pipe(
    Effect.tapErrorCause((cause) => Effect.sync(() => tell(cause))),
    Effect.provide(BunContext.layer),
    BunRuntime.runMain({ disableErrorReporting: true, teardown: (exit) => process.exit(exitCodeOf(exit)) }),
  )
}

const tell = (cause: Cause.Cause<unknown>): void => {
  const failure = Cause.squash(cause)
  // The results have told the one, and the check of the command line the other.
  if (Cause.isInterruptedOnly(cause) || failure instanceof NotWell || ValidationError.isValidationError(failure)) return
  console.error(Cause.isFailure(cause) && failure instanceof Error ? failure.message : failure)
}

const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exitCodes.well
  if (Cause.isInterruptedOnly(exit.cause)) return exitCodes.interrupted
  return ValidationError.isValidationError(Cause.squash(exit.cause)) ? exitCodes.wrongUsage : exitCodes.failed
}
