import { stripVTControlCharacters } from "node:util"
import { HelpDoc, type Span } from "@effect/cli"

/** What an option takes behind its name. */
export type Takes = "nothing" | "text" | "integer" | "number" | "path" | "choice"

export interface OptionPage {
  /** With its dashes. */
  readonly name: string
  /** With what it takes: `--relay URL`. */
  readonly label: string
  readonly about: string
  readonly takes: Takes
  /** What can be chosen from; empty if `takes` is not "choice". */
  readonly choices: readonly string[]
  readonly repeatable: boolean
  readonly required: boolean
}

export interface ArgumentPage {
  readonly name: string
  readonly about: string
  /** What can be chosen from; empty if it is any text. */
  readonly choices: readonly string[]
  readonly repeatable: boolean
  readonly required: boolean
}

/** A command line that can be typed, and what it does. */
export interface Example {
  readonly line: string
  readonly does: string
}

/** One command as it describes itself: what help, the check of a command line and completion all read. */
export interface CommandPage {
  /** The words behind the program's name. */
  readonly path: readonly string[]
  readonly about: string
  readonly examples: readonly Example[]
  readonly arguments: readonly ArgumentPage[]
  /** What stands behind `--`, where that is not the command's own. */
  readonly behindDashes: Pick<ArgumentPage, "name" | "about"> | undefined
  readonly options: readonly OptionPage[]
  /** Paths of all commands below this one, in their order. */
  readonly commands: readonly (readonly string[])[]
}

export interface Described {
  readonly examples?: readonly (readonly [line: string, does: string])[]
  readonly behindDashes?: readonly [name: string, about: string]
}

const [examplesHeading, behindDashesHeading] = ["EXAMPLES", "BEHIND --"]

/** A command's description with examples. An example is a whole command line; a test of each program reads it as the program would. */
export const described = (about: string, { examples = [], behindDashes }: Described): HelpDoc.HelpDoc => {
  const section = (heading: string, pairs: readonly (readonly [string, string])[]) => {
    const [first, ...others] = pairs.flatMap((pair) => pair.map((text) => HelpDoc.p(text)))
    return first === undefined ? [] : [HelpDoc.h1(heading), HelpDoc.enumeration([first, ...others])]
  }
  return HelpDoc.blocks([
    HelpDoc.p(about),
    ...section(examplesHeading, examples),
    ...section(behindDashesHeading, behindDashes === undefined ? [] : [behindDashes]),
  ])
}

/** Reads a command's page from the parser's document about it. */
export const commandPage = (path: readonly string[], doc: HelpDoc.HelpDoc): CommandPage => {
  let section = ""
  const found = { about: [] as string[], examples: [] as Example[], commands: [] as (readonly string[])[] }
  const page = { arguments: [] as ArgumentPage[], options: [] as OptionPage[] }
  let behindDashes: CommandPage["behindDashes"]
  for (const block of flat(doc)) {
    if (block._tag === "Header") section = spanText(block.value)
    else if (block._tag === "Enumeration" && section === "COMMANDS")
      found.commands.push(...block.elements.map((element) => command(path, plain(element))))
    else if (block._tag === "Enumeration") {
      const texts = block.elements.map(plain)
      const pairs = texts.flatMap((line, at) => (at % 2 === 0 ? [{ line, does: texts[at + 1] ?? "" }] : []))
      if (section === examplesHeading) found.examples.push(...pairs)
      else behindDashes = pairs.map(({ line, does }) => ({ name: line, about: does }))[0]
    } else if (block._tag === "DescriptionList" && section === "ARGUMENTS")
      page.arguments.push(...block.definitions.map(([span, about]) => argument(spanText(span), about)))
    else if (block._tag === "DescriptionList")
      page.options.push(...block.definitions.map(([span, about]) => option(spanText(span), about)))
    else found.about.push(plain(block))
  }
  const { examples, commands } = found
  return { path, about: found.about.join(" "), examples, ...page, behindDashes, commands }
}

/** A document of the parser on one line, without colour. */
export const plain = (doc: HelpDoc.HelpDoc): string =>
  stripVTControlCharacters(HelpDoc.toAnsiText(doc)).replace(/\n\s*/g, " ").trim()

const spanText = (span: Span.Span) => plain(HelpDoc.p(span))

const flat = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpDoc.HelpDoc> =>
  doc._tag === "Sequence" ? [...flat(doc.left), ...flat(doc.right)] : doc._tag === "Empty" ? [] : [doc]

/** What the parser says of every value in its own words, which say what it takes; the rest is ours. */
const kinds: ReadonlyArray<readonly [RegExp, Takes]> = [
  [/^A true or false value\.$/, "nothing"],
  [/^An integer\.$/, "integer"],
  [/^A floating point number\.$/, "number"],
  [/^One of the following: /, "choice"],
  [/^(An?|An existing) (file|directory|file or directory)( that must not exist)?\.$/, "path"],
  [/^A user-defined piece of text\.$/, "text"],
]
const optional = /^This (setting|argument|option) (is optional|may be repeated zero or more times)\./
const repeated = /^This (setting|argument|option) (may be|must be) repeated /

const read = (about: HelpDoc.HelpDoc) => {
  const said = flat(about).map(plain)
  const takes = kinds.find(([pattern]) => said.some((line) => pattern.test(line)))?.[1] ?? "text"
  const own = said.filter(
    (line) => !optional.test(line) && !repeated.test(line) && !kinds.some(([pattern]) => pattern.test(line)),
  )
  return {
    about: own.join(" "),
    takes,
    choices: takes === "choice" ? (said[0] ?? "").replace(/^[^:]*: /, "").split(", ") : [],
    repeatable: said.some((line) => repeated.test(line)),
    required: !said.some((line) => optional.test(line)),
  }
}

const option = (label: string, doc: HelpDoc.HelpDoc): OptionPage => {
  const facts = read(doc)
  return {
    ...facts,
    name: label.split(" ", 1)[0] ?? label,
    label,
    required: facts.required && facts.takes !== "nothing",
  }
}

const argument = (label: string, doc: HelpDoc.HelpDoc): ArgumentPage => {
  const { about, choices, repeatable, required } = read(doc)
  return { name: /^<(.*?)>/.exec(label)?.[1] ?? label, about, choices, repeatable, required }
}

/** A line of the list of commands: its words, then its options and arguments, or two blanks and its description. */
const command = (path: readonly string[], line: string) => {
  const words = line.split(" ")
  const end = words.findIndex((word) => word === "" || /^[[<(-]/.test(word))
  return [...path, ...words.slice(0, end < 0 ? words.length : end)]
}
