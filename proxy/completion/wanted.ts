import type { CommandPage, Line, OptionPage } from "../../platform/commandLine.ts"

export interface Candidate {
  readonly value: string
  readonly about: string
}

/** What may stand where the cursor is. */
export interface Wanted {
  readonly from: readonly Candidate[] | "clusters" | "profiles" | "files"
  /** What of the word at the cursor stands before the value: `--output=`, or the names of a list before its last comma. */
  readonly prefix: string
  /** Values that are there already. */
  readonly without: readonly string[]
}

const nothing: Wanted = { from: [], prefix: "", without: [] }

/** `line` is what stands before the word at the cursor, `below` the pages of the commands below its command. */
export const wanted = ({ page, reading }: Line, below: readonly CommandPage[], current: string): Wanted => {
  if (reading.behindDashes && page.behindDashes !== undefined) return { ...nothing, from: "files" }
  if (reading.awaiting !== undefined) return { ...nothing, from: valuesOf(reading.awaiting) }
  if (current.startsWith("-") && !reading.behindDashes) {
    const equals = current.indexOf("=")
    if (equals < 0) return { ...nothing, from: optionsOf(page, reading.given) }
    const option = page.options.find(({ name }) => name === current.slice(0, equals))
    return { ...nothing, from: option === undefined ? [] : valuesOf(option), prefix: current.slice(0, equals + 1) }
  }
  if (page.commands.length > 0)
    return reading.arguments.length > 0 ? nothing : { ...nothing, from: commandsOf(page, below) }
  return argumentAt(page, reading.arguments, current)
}

const valuesOf = ({ takes, choices, label }: OptionPage): Wanted["from"] => {
  if (takes === "choice") return choices.map((value) => ({ value, about: "" }))
  const form = label.slice(label.indexOf(" ") + 1)
  if (form === "PROFILE") return "profiles"
  return takes === "path" || /\bPATH\b/.test(form) ? "files" : []
}

const optionsOf = (page: CommandPage, given: ReadonlyMap<string, unknown>): readonly Candidate[] => [
  ...page.options
    .filter(({ name, repeatable }) => repeatable || !given.has(name))
    .map(({ name, about }) => ({ value: name, about })),
  { value: "--help", about: "Show help." },
]

const commandsOf = (page: CommandPage, below: readonly CommandPage[]): readonly Candidate[] =>
  below
    .filter(({ path }) => path.length === page.path.length + 1)
    .map(({ path, about }) => ({ value: path.at(-1) ?? "", about }))

const argumentAt = (page: CommandPage, before: readonly string[], current: string): Wanted => {
  const last = page.arguments.at(-1)
  const place = page.arguments[before.length] ?? (last?.repeatable === true ? last : undefined)
  if (place === undefined) return nothing
  if (place.choices.length > 0) return { ...nothing, from: place.choices.map((value) => ({ value, about: "" })) }
  if (place.name === "FILE") return { ...nothing, from: "files" }
  if (place.name === "CLUSTER") return { ...nothing, from: "clusters", without: before }
  if (place.name !== "CLUSTER[,CLUSTER]") return nothing
  const prefix = current.slice(0, current.lastIndexOf(",") + 1)
  return { from: "clusters", prefix, without: [...before, prefix].flatMap((names) => names.split(",")) }
}
