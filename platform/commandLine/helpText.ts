import type { ArgumentPage, CommandPage, OptionPage } from "./CommandPage.ts"

const width = 96
const margin = "      "

/**
 * The help of one command as plain text of at most 96 columns where words allow it: usage, description, examples, arguments, options,
 * commands (`below`). Headings are bold if `bold`; nothing else is ever coloured.
 */
export const helpText = (
  page: CommandPage,
  below: ReadonlyArray<CommandPage>,
  program: string,
  bold: boolean,
): string => {
  const { behindDashes } = page
  const section = (heading: string, entries: ReadonlyArray<readonly [string, string]>) =>
    entries.length === 0
      ? []
      : [
          "",
          bold ? `\u001b[1m${heading}\u001b[22m` : heading,
          ...entries.flatMap(([name, about]) => [`  ${name}`, ...wrapped(about, margin)]),
        ]
  const lines = [
    usageLine(page, program),
    ...(page.about === "" ? [] : ["", ...wrapped(page.about, "")]),
    ...section(
      "EXAMPLES",
      page.examples.map(({ line, does }) => [commandLine(line), does]),
    ),
    ...section("ARGUMENTS", [
      ...page.arguments.map((one) => [placeOf(one), one.about] as const),
      ...(behindDashes === undefined ? [] : [[`-- ${behindDashes.name}`, behindDashes.about] as const]),
    ]),
    ...section(
      "OPTIONS",
      page.options.map((one) => [one.label, optionAbout(one)]),
    ),
    ...section(
      "COMMANDS",
      below.map(({ path, about }) => [path.slice(page.path.length).join(" "), about]),
    ),
  ]
  return `${lines.join("\n")}\n`
}

const usageLine = (page: CommandPage, program: string) =>
  [
    "Usage:",
    program,
    ...page.path,
    ...(page.commands.length > 0 ? ["COMMAND"] : page.options.length > 0 ? ["[OPTIONS]"] : []),
    ...page.arguments.map(placeOf),
    ...(page.behindDashes === undefined ? [] : [`-- ${page.behindDashes.name}`]),
  ].join(" ")

/** `<NAME>`, with `...` if it may stand several times, in brackets if it may be missing. */
const placeOf = ({ name, repeatable, required }: ArgumentPage) => {
  const place = `<${name}>${repeatable ? "..." : ""}`
  return required ? place : `[${place}]`
}

const optionAbout = ({ about, required }: OptionPage) => (required ? `${about} Required.` : about)

/** A long one goes on behind a backslash, before an option. */
const commandLine = (line: string): string => {
  const lines: Array<string> = []
  for (const part of line.split(/ (?=--)/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + part.length < width - 4) lines[lines.length - 1] = `${last} ${part}`
    else lines.push(part)
  }
  return lines.join(" \\\n    ")
}

const wrapped = (text: string, indent: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(indent + word)
  }
  return lines
}
