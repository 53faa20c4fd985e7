/**
 * `bun run terminal [--check]`: records a session of the main commands on a real cluster into docs/terminal.md; with `--check` says
 * whether the file is what a recording makes now.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { startWorld } from "../world/World.ts"
import { pageFile, recordedPage } from "./page.ts"

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } })

await using stack = new AsyncDisposableStack()
const say = (line: string) => console.error(`terminal: ${line}`)
const recorded = await recordedPage(await startWorld(stack, { level: "node", onProgress: say }), say)
if (!values.check) writeFileSync(pageFile, recorded)
else if (readFileSync(pageFile, "utf8") !== recorded) {
  console.error("docs/terminal.md is not what a recording makes: run `bun run terminal` and look at the difference")
  process.exitCode = 1
}
