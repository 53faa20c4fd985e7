import { expect, test } from "bun:test"
import { printable, printableJson } from "./printable.ts"

/** Escape, an 8-bit control, a right-to-left override, an isolate, a line separator, a tag, a lone surrogate. */
const hostile = ["\u001b", "\u009b", "\u202e", "\u2066", "\u2028", "\u{e0041}", "\ud800", "\u0007", "\r", "\n", "\t"]

test("text of others neither moves a cursor, turns around, nor begins a line", () => {
  for (const one of hostile) expect(printable(`a${one}b`)).toBe("a b")
  expect(printable("Zoë 東京 🚀 é")).toBe("Zoë 東京 🚀 é")
  expect(printable("a".repeat(2_000), 10)).toBe("a".repeat(10))
})
test("JSON of others says the same to a program, and nothing to a terminal", () => {
  const value = { name: hostile.join(""), list: ["Zoë 🚀"] }
  const text = printableJson(value)
  expect(JSON.parse(text)).toEqual(value)
  expect(text).toMatch(/^[ -~ë🚀]+$/u)
  expect(printableJson(value, 2)).toContain('\n  "list"')
  expect(JSON.parse(printableJson(value, 2))).toEqual(value)
})
