import { CliConfig, type Command, CommandDescriptor } from "@effect/cli"
import { Effect } from "effect"
import { type CommandPage, commandPage } from "./CommandPage.ts"
import { type Reading, readWords } from "./readWords.ts"

export const config = CliConfig.make({ showBuiltIns: false })

/** Any program's root command. */
// biome-ignore lint/suspicious/noExplicitAny: what a command needs and returns is no matter of its description
export type Root = Pick<Command.Command<any, any, any, any>, "descriptor">

/** The page of the command at this path, which has to be there. */
export const pageOf = (root: Root, program: string, path: readonly string[]) =>
  CommandDescriptor.parse(root.descriptor, [program, ...path, "--help"], config).pipe(
    Effect.flatMap((directive) =>
      directive._tag === "BuiltIn" && directive.option._tag === "ShowHelp"
        ? Effect.succeed(commandPage(path, directive.option.helpDoc))
        : Effect.dieMessage(`no command ${path.join(" ")}`),
    ),
    Effect.orDie,
  )

/** The pages of all commands below one. */
export const pagesBelow = (root: Root, program: string, page: CommandPage) =>
  Effect.forEach(page.commands, (path) => pageOf(root, program, path))

export interface Line {
  readonly page: CommandPage
  readonly reading: Reading
}

/** Which command a program's words name, and what stands behind it. */
export const readLine = (root: Root, program: string, words: readonly string[]) =>
  Effect.gen(function* () {
    const whole = yield* pageOf(root, program, [])
    const path = longestPath(whole.commands, words)
    const page = path.length === 0 ? whole : yield* pageOf(root, program, path)
    const line: Line = { page, reading: readWords(page, words.slice(path.length)) }
    return line
  })

const longestPath = (paths: CommandPage["commands"], words: readonly string[]): readonly string[] =>
  paths
    .filter((path) => path.every((word, at) => words[at] === word))
    .reduce((longest, path) => (path.length > longest.length ? path : longest), [] as readonly string[])
