import { describe, expect, spyOn, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTerminal, runChild } from "./runChild.ts"

/** The exit code, and what was said on stderr meanwhile. */
const ran = async (program: string) => {
  const said: string[] = []
  const write = spyOn(process.stderr, "write").mockImplementation((text) => {
    said.push(String(text))
    return true
  })
  try {
    return { code: await runChild([program], { PATH: process.env.PATH }), said: said.join("") }
  } finally {
    write.mockRestore()
  }
}

describe("a command that cannot be run", () => {
  test("is named: there is no such program", async () => {
    expect(await ran("kubctl-mistyped")).toEqual({ code: 127, said: "clusterconnect: kubctl-mistyped: not found\n" })
  })
  test.each([
    ["it is no program", 0o600, "", "(EACCES)"],
    ["nothing says what a script is for", 0o700, "", "(ENOEXEC): a script needs a first line such as #!/bin/sh"],
    ["it is below a file", 0o700, "/below", "(ENOTDIR)"],
  ])("is named: %s", async (_, mode, below, why) => {
    const folder = await mkdtemp(join(tmpdir(), "clusterconnect-child-"))
    const file = join(folder, "text")
    await writeFile(file, "text", { mode })
    const program = `${file}${below}`
    expect(await ran(program)).toEqual({ code: 126, said: `clusterconnect: ${program}: cannot be executed ${why}\n` })
    await rm(folder, { recursive: true })
  })
  test("is not found when its name is empty", async () => {
    expect(await ran("")).toEqual({ code: 127, said: "clusterconnect: : not found\n" })
  })
})

test("Ctrl-C reaches the command by itself when any of the standard streams is the terminal", () => {
  const [pipe, terminal] = [{}, { isTTY: true }]
  expect(onTerminal([pipe, pipe, terminal])).toBe(true)
  expect(onTerminal([terminal, pipe, pipe])).toBe(true)
  expect(onTerminal([pipe, pipe, pipe])).toBe(false)
})
