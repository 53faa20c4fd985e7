import { unprintable } from "../platform/unprintable.ts"

/** One line that a terminal only shows, from text of a relay, an identity provider or a cluster. */
export const printable = (text: string, maxCharacters = Number.POSITIVE_INFINITY): string =>
  text.replace(unprintable, " ").slice(0, maxCharacters)

/** JSON for a program, which means the same, with escapes for what a terminal would obey. */
export const printableJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, undefined, indent).replace(unprintable, (character) =>
    // Inside of a text JSON has no raw line ends: these are the indentation's.
    character === "\n" ? character : [...Array(character.length).keys()].map((at) => escaped(character, at)).join(""),
  )

const escaped = (text: string, at: number) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`
