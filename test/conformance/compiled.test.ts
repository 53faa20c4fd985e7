import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The flags that the build must always pass (bun.md, Compiling). */
const NO_AUTOLOAD = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"]

let directory: string
let hostile: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "compiled-"))
  hostile = join(directory, "hostile")
  await mkdir(hostile)
  await writeFile(join(directory, "tiny.ts"), "console.log(process.env.FROM_DOTENV ?? 'clean')\n")
  await writeFile(join(hostile, ".env"), "FROM_DOTENV=dotenv\n")
  await writeFile(join(hostile, "bunfig.toml"), 'preload = ["./preload.ts"]\n')
  await writeFile(join(hostile, "preload.ts"), "console.log('preload ran')\n")
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function outputOf(command: string[], cwd: string): Promise<string> {
  const { BUN_OPTIONS: _options, BUN_BE_BUN: _be, ...env } = process.env
  const child = Bun.spawn(command, { cwd, env, stdout: "pipe", stderr: "pipe" })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}: ${stderr}`)
  return stdout.trim()
}

async function compiled(name: string, flags: string[]): Promise<string> {
  const outfile = join(directory, name)
  const build = [
    "build",
    "--compile",
    "--minify",
    "--bytecode",
    ...flags,
    join(directory, "tiny.ts"),
    "--outfile",
    outfile,
  ]
  await outputOf([process.execPath, ...build], directory)
  return outfile
}

/** Rule: every binary is compiled with both flags (S18). */
test("a binary compiled with both no-autoload flags ignores a hostile bunfig.toml and .env in its working directory", async () => {
  const binary = await compiled("safe", NO_AUTOLOAD)
  expect(await outputOf([binary], hostile)).toBe("clean")
  await rm(binary)
})

/** The reason for the rule; when this fails, Bun has become safe by default. */
test("a binary compiled without them runs the preload and loads the .env", async () => {
  const binary = await compiled("unsafe", [])
  const output = await outputOf([binary], hostile)
  expect(output).toContain("preload ran")
  expect(output).toContain("dotenv")
  await rm(binary)
})
