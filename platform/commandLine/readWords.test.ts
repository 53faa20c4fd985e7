import { describe, expect, test } from "bun:test"
import type { CommandPage, OptionPage } from "./CommandPage.ts"
import { readWords } from "./readWords.ts"

const option = (name: string, takes: OptionPage["takes"], rest: Partial<OptionPage> = {}): OptionPage => ({
  name,
  label: takes === "nothing" ? name : `${name} VALUE`,
  about: "",
  takes,
  choices: takes === "choice" ? ["text", "json"] : [],
  repeatable: false,
  required: false,
  ...rest,
})

const page: CommandPage = {
  path: ["do"],
  about: "",
  examples: [],
  arguments: [{ name: "CLUSTER", about: "", choices: [], repeatable: false, required: true }],
  behindDashes: undefined,
  options: [
    option("--relay", "text"),
    option("--port", "integer"),
    option("--minutes", "number"),
    option("--output", "choice"),
    option("--merge", "nothing"),
    option("--ca-file", "path", { repeatable: true }),
  ],
  commands: [],
}

const fault = (line: string) =>
  readWords(
    page,
    line.split(" ").filter((word) => word !== ""),
  ).fault

describe("a command line", () => {
  test.each([
    ["edge-1 --relay https://a --merge", undefined],
    ["edge-1 --relay=https://a=b", undefined],
    ["--relay -x edge-1", undefined],
    ["--relay=--x edge-1", undefined],
    ["-- --relay", undefined],
    ["edge-1 --rely x", "there is no option --rely, did you mean --relay?"],
    ["edge-1 --tokne=secret", "there is no option --tokne"],
    ["edge-1 -p", "there is no option -p"],
    ["edge-1 --relay", "--relay needs a value: --relay VALUE"],
    ["edge-1 --relay=", "--relay needs a value: --relay VALUE"],
    ["edge-1 --ca-file=", "--ca-file needs a value: --ca-file VALUE"],
    ["edge-1 --relay --merge", "--relay needs a value: --relay VALUE"],
    ["edge-1 --relay a --relay b", "--relay is given twice"],
    ["edge-1 --merge=yes", "--merge takes no value"],
    ["edge-1 --port ten", "--port ten: expected a whole number"],
    ["edge-1 --port 1.5", "--port 1.5: expected a whole number"],
    ["edge-1 --minutes two", "--minutes two: expected a number"],
    ["edge-1 --minutes 0.5", undefined],
    ["edge-1 --output yaml", "--output yaml: expected text or json"],
    [`edge-1 --output ${"x".repeat(65)}`, "--output of 65 characters: expected text or json"],
    ["edge-1 edge-2", "unexpected argument edge-2"],
    [`edge-1 ${"x".repeat(65)}`, "unexpected argument of 65 characters"],
    ["", "<CLUSTER> is missing"],
    ["--bogus --relay", "there is no option --bogus"],
  ])("%s", (line, expected) => expect(fault(line)).toBe(expected))
  test("an argument of a few words is one of them", () => {
    const shells = { name: "SHELL", about: "", choices: ["bash", "zsh"], repeatable: false, required: true }
    expect(readWords({ ...page, arguments: [shells] }, ["csh"]).fault).toBe("<SHELL> csh: expected bash or zsh")
    expect(readWords({ ...page, arguments: [shells] }, ["zsh"]).fault).toBe(undefined)
  })
  test("every word of a repeated argument is one of them", () => {
    const rows = { name: "NAME", about: "", choices: ["small", "bulk"], repeatable: true, required: false }
    const faultOf = (...words: readonly string[]) => readWords({ ...page, arguments: [rows] }, words).fault
    expect(faultOf("small", "nonsense", "bulk")).toBe("<NAME> nonsense: expected small or bulk")
    expect(faultOf("small", "bulk", "bulk")).toBe(undefined)
    expect(faultOf()).toBe(undefined)
  })
  test("goes to the parser with every value as a word of its own and the arguments last", () => {
    const { words } = readWords(page, ["--ca-file=a", "true", "--merge", "--ca-file", "b"])
    expect(words).toEqual(["--ca-file", "a", "--merge", "--ca-file", "b", "--", "true"])
  })
  test("asks for help or the version wherever it stands, but not as a value or behind --", () => {
    expect(readWords(page, ["--bogus", "--help"]).asks).toBe("help")
    expect(readWords(page, ["--version"]).asks).toBe("version")
    expect(readWords(page, ["--relay", "--help"]).asks).toBe("help")
    expect(readWords(page, ["--relay=--help"]).asks).toBe(undefined)
    expect(readWords(page, ["--", "--help"]).asks).toBe(undefined)
  })
})
