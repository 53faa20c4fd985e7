import { Command, CommandDescriptor, HelpDoc, ValidationError } from "@effect/cli"
import { Cause, Effect } from "effect"
import { plain } from "./CommandPage.ts"
import { helpText } from "./helpText.ts"
import { config, pagesBelow, readLine } from "./pages.ts"

/**
 * Runs a program's command line. Help is ours (`helpText`), on stdout; bold headings only on a terminal without NO_COLOR.
 * A command line that is not understood is one line on stderr that names the word and the command's help, and fails with the parser's
 * ValidationError before anything runs. A command that finds a value of no use fails with {@link wrongUsage}, which is told the same way.
 */
export const runCommandLine = <Name extends string, R, E, A>(
  root: Command.Command<Name, R, E, A>,
  { name, version, argv }: { readonly name: string; readonly version: string; readonly argv: ReadonlyArray<string> },
) =>
  Effect.gen(function* () {
    const { page, reading } = yield* readLine(root, name, argv.slice(2))
    const group = page.commands.length > 0 && reading.arguments.length === 0
    if (reading.asks === "help" || (group && reading.fault === undefined && reading.asks === undefined)) {
      const below = yield* pagesBelow(root, name, page)
      const bold = process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === ""
      return process.stdout.write(helpText(page, below, name, bold))
    }
    if (reading.asks === "version") return process.stdout.write(`${version}\n`)
    const words = [name, ...page.path, ...reading.words]
    const command = [name, ...page.path].join(" ")
    return yield* understood(reading.fault, root, words).pipe(
      Effect.zipRight(Command.run(root, { name, version })(["", "", ...words.slice(1)])),
      Effect.tapErrorCause((cause) => {
        const failure = Cause.squash(cause)
        return ValidationError.isValidationError(failure)
          ? Effect.sync(() => process.stderr.write(`${command}: ${plain(failure.error)} (see ${command} --help)\n`))
          : Effect.void
      }),
    )
  }).pipe(Effect.asVoid)

/** A value that the parser takes and the command cannot use; exit code 2. */
export const wrongUsage = (detail: string): ValidationError.ValidationError =>
  ValidationError.invalidValue(HelpDoc.p(detail))

const understood = <Name extends string, R, E, A>(
  fault: string | undefined,
  root: Command.Command<Name, R, E, A>,
  words: ReadonlyArray<string>,
) =>
  fault === undefined
    ? Effect.asVoid(CommandDescriptor.parse(root.descriptor, words, config))
    : Effect.fail(wrongUsage(fault))
