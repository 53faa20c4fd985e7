import { AutoCorrect, CliConfig } from "@effect/cli"
import { unprintable } from "../unprintable.ts"
import type { CommandPage, OptionPage } from "./CommandPage.ts"

/** What stands on a command line behind a command's name. */
export interface Reading {
  /** The same for the parser: each option, its value as a word of its own, then `--` and the arguments. */
  readonly words: readonly string[]
  readonly arguments: readonly string[]
  /** The options that are there, by name, with what they were given last. */
  readonly given: ReadonlyMap<string, string | undefined>
  /** The last word is this option, and its value is still to come. */
  readonly awaiting: OptionPage | undefined
  readonly behindDashes: boolean
  readonly asks: "help" | "version" | undefined
  /** What is wrong first, for a person; never holds the value of an option that takes text. */
  readonly fault: string | undefined
}

const asked: Readonly<Record<string, "help" | "version">> = { "--help": "help", "-h": "help", "--version": "version" }
/** A longer word may be a token in the wrong place. */
const maxShownCharacters = 64

/**
 * Reads the words by the command's page. The parser itself takes an option it does not know for an argument, blames another word for
 * it, does not say which option a value was for, and does not know `--name=value` where an option may be repeated. A value that
 * begins with two dashes needs that form.
 */
export const readWords = (page: CommandPage, words: readonly string[]): Reading => {
  const options: string[] = []
  const found: string[] = []
  const given = new Map<string, string | undefined>()
  const faults: string[] = []
  let awaiting: OptionPage | undefined
  let behindDashes = false
  let asks: Reading["asks"]
  const take = (option: OptionPage, value: string) => {
    options.push(option.name, value)
    given.set(option.name, value)
    const wrong = wrongValue(option, value)
    if (wrong !== undefined) faults.push(wrong)
  }
  const begin = (name: string, option: OptionPage | undefined, value: string | undefined) => {
    if (option === undefined) return void faults.push(unknownOption(page, name))
    if (given.has(name) && !option.repeatable) faults.push(`${name} is given twice`)
    given.set(name, undefined)
    if (option.takes !== "nothing") {
      if (value === undefined) awaiting = option
      else take(option, value)
    } else if (value === undefined) options.push(name)
    else faults.push(`${name} takes no value`)
  }
  for (const word of words) {
    const [name = word, value] = splitAtEquals(word)
    const option = page.options.find((one) => one.name === name)
    if (awaiting !== undefined) {
      const expecting = awaiting
      awaiting = undefined
      if (!word.startsWith("--")) {
        take(expecting, word)
        continue
      }
      faults.push(missingValue(expecting))
    }
    if (behindDashes) found.push(word)
    else if (word === "--") behindDashes = true
    else if (asked[word] !== undefined) asks ??= asked[word]
    else if (/^-./.test(word)) begin(name, option, value)
    else found.push(word)
  }
  if (awaiting !== undefined) faults.push(missingValue(awaiting))
  faults.push(...missing(page, given, found))
  return {
    words: [...options, ...(found.length > 0 ? ["--", ...found] : [])],
    arguments: found,
    given,
    awaiting,
    behindDashes,
    asks,
    fault: faults[0],
  }
}

const splitAtEquals = (word: string) => {
  const at = word.startsWith("--") ? word.indexOf("=") : -1
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}

const oneOf = (choices: readonly string[]) => `expected ${choices.join(", ").replace(/, ([^,]*)$/, " or $1")}`

const wrongValue = (option: OptionPage, value: string): string | undefined => {
  const { name, takes, choices } = option
  // The parser would leave it out where the option may be repeated.
  if (value === "") return missingValue(option)
  if (takes === "choice" && !choices.includes(value)) return `${name} ${shown(value)}: ${oneOf(choices)}`
  if (takes === "integer" && !/^-?\d+$/.test(value)) return `${name} ${shown(value)}: expected a whole number`
  if (takes === "number" && !/^-?\d+(\.\d+)?$/.test(value)) return `${name} ${shown(value)}: expected a number`
  return undefined
}

const missingValue = ({ name, label }: OptionPage) => `${name} needs a value: ${label}`

const missing = (
  page: CommandPage,
  given: ReadonlyMap<string, unknown>,
  found: readonly string[],
): readonly string[] => {
  const { arguments: places, options, commands, path } = page
  // Only the last argument may be repeated.
  const last = places.at(-1)
  const placed = last?.repeatable ? [...places, ...found.slice(places.length).map(() => last)] : places
  const extra = found[placed.length]
  if (commands.length > 0 && found[0] !== undefined) {
    const names = [...new Set(commands.map((one) => one[path.length] ?? ""))]
    const meant = nearest(found[0], names) || `; there are ${names.join(", ")}`
    return [`there is no command ${shown(found[0])}${meant}`]
  }
  return [
    ...(extra === undefined ? [] : [`unexpected argument ${shown(extra)}`]),
    ...placed.flatMap(({ name, choices }, at) => {
      const value = found[at]
      const wrong = value !== undefined && choices.length > 0 && !choices.includes(value)
      return wrong ? [`<${name}> ${shown(value)}: ${oneOf(choices)}`] : []
    }),
    ...places.filter(({ required }, at) => required && at >= found.length).map(({ name }) => `<${name}> is missing`),
    ...options.filter(({ name, required }) => required && !given.has(name)).map(({ name }) => `${name} is missing`),
  ]
}

const unknownOption = (page: CommandPage, name: string) =>
  `there is no option ${shown(name)}${nearest(
    name,
    page.options.map((one) => one.name),
  )}`

const config = CliConfig.make({})

/** What was probably meant: at most a third of it is written otherwise. */
const nearest = (word: string, names: readonly string[]): string => {
  const measured = names.map((name) => ({ name, distance: AutoCorrect.levensteinDistance(word, name, config) }))
  const [first] = measured.sort((one, other) => one.distance - other.distance)
  return first === undefined || first.distance > first.name.length / 3 ? "" : `, did you mean ${first.name}?`
}

const shown = (word: string) =>
  word.length > maxShownCharacters ? `of ${word.length} characters` : word.replace(unprintable, " ")
