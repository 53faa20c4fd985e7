import { createHash } from "node:crypto"
import { Data, Either, ParseResult, Schema } from "effect"
import { parseAllDocuments } from "yaml"
import { namesSecret, redact } from "../logs/redact.ts"

/** A configuration file that is missing, is no YAML, or does not have the shape that the schema declares. */
export class ConfigurationInvalid extends Data.TaggedError("ConfigurationInvalid")<{
  readonly source: string
  /** One line each: the path, what was found, what is accepted. No secret value. */
  readonly problems: readonly string[]
  /** The file could not be read at all: what is in it may be good. */
  readonly unread?: true
}> {
  override get message(): string {
    return `${this.source} is not usable:\n${this.problems.map((problem) => `  - ${problem}`).join("\n")}`
  }
}

/** A configuration as loaded: the value and the identity of the text that it came from. */
export interface Loaded<A> {
  readonly value: A
  /** SHA-256 of the file's bytes, hex: what `/status` shows and the operator compares. */
  readonly hash: string
}

/** 10,000 registrations, the largest thing that is configured by file, are 4 MB. */
export const MAX_CONFIGURATION_BYTES = 16 * 1024 * 1024

/**
 * Decodes YAML 1.2, and therefore JSON. A key that the schema does not know is an error, everywhere in the tree: a misspelled
 * restriction must not be ignored. So are a key given twice, a second document and an empty file.
 */
export function decodeConfiguration<A, I>(
  schema: Schema.Schema<A, I>,
  text: string,
  source: string,
): Either.Either<Loaded<A>, ConfigurationInvalid> {
  const refuse = (...problems: string[]) =>
    Either.left(new ConfigurationInvalid({ source, problems: problems.map(redact) }))
  if (Buffer.byteLength(text) > MAX_CONFIGURATION_BYTES)
    return refuse(`it is larger than ${MAX_CONFIGURATION_BYTES} bytes`)
  const documents = [...parseAllDocuments(text, { version: "1.2", strict: true, uniqueKeys: true, prettyErrors: true })]
  const [document] = documents
  if (!document || document.contents === null) return refuse("it is empty")
  if (documents.length > 1) return refuse(`found ${documents.length} YAML documents, expected one`)
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) return refuse(...faults.map(({ message, linePos }) => at(linePos, message)))
  let plain: unknown
  try {
    plain = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return refuse((error as Error).message)
  }
  const decoded = Schema.decodeUnknownEither(schema, { onExcessProperty: "error", errors: "all" })(plain)
  if (Either.isLeft(decoded)) return refuse(...problems(decoded.left))
  return Either.right({ value: decoded.right, hash: createHash("sha256").update(text).digest("hex") })
}

/** One line per place: what a union offers there is joined, and that an optional key might be absent is no help. */
function problems(error: ParseResult.ParseError): string[] {
  const found = new Map<string, Set<string>>()
  const note = (key: string, expected = "") => found.set(key, (found.get(key) ?? new Set()).add(expected))
  for (const { _tag, path, message } of ParseResult.ArrayFormatter.formatErrorSync(error)) {
    const where = path.length === 0 ? "the file" : path.map(String).join(".")
    const [, expected, actual] = /^Expected ([\s\S]*), actual ([\s\S]*)$/.exec(message) ?? []
    const withheld = path.some((key) => namesSecret(String(key)))
    if (_tag === "Unexpected") note(`${where}: unknown key; accepted here: ${accepted(message)}`)
    else if (_tag === "Missing") note(`${where}: missing`)
    else if (expected === undefined || actual === undefined) note(`${where}: ${withheld ? "not acceptable" : message}`)
    else if (expected !== "undefined")
      note(`${where}: found ${withheld ? "a value that is not shown" : shown(actual)}`, expected)
  }
  return [...found].map(([line, expected]) =>
    [line, [...expected].filter(Boolean).join(" | ")].filter(Boolean).join(", expected "),
  )
}

/** Effect lists the accepted keys as a union of string literals. */
function accepted(message: string): string {
  const [, list = message] = /expected: ([\s\S]*)$/.exec(message) ?? []
  return list === "never" ? "none" : list.replaceAll('"', "").replaceAll(" | ", ", ")
}

const MAX_SHOWN_CHARACTERS = 80

function shown(actual: string): string {
  if (actual.startsWith("{")) return "an object"
  if (actual.startsWith("[")) return "a list"
  return actual.length > MAX_SHOWN_CHARACTERS ? `${actual.slice(0, MAX_SHOWN_CHARACTERS)}…` : actual
}

/** The parser's message ends with an excerpt of the file, which may be a secret; the position says enough. */
function at(
  position: ReadonlyArray<{ readonly line: number; readonly col: number }> | undefined,
  message: string,
): string {
  const [first = message] = message.split("\n")
  const what = first.replace(/ at line \d+, column \d+:?$/, "")
  return position?.[0] ? `line ${position[0].line}, column ${position[0].col}: ${what}` : what
}
