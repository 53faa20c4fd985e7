import { readFileSync, writeFileSync } from "node:fs"
import { commandWords } from "../../deploy/commandWords.ts"
import { startWorld } from "../world/World.ts"
import { pageFile, recordedPage } from "./page.ts"

const usage = `usage: bun run terminal [--check]
Records a session of the main commands on a real cluster into docs/terminal.md; with --check says whether the file is what a recording makes now.`
const { values } = commandWords(usage, { options: { check: { type: "boolean", default: false } } })

await using stack = new AsyncDisposableStack()
const say = (line: string) => console.error(`terminal: ${line}`)
const recorded = await recordedPage(await startWorld(stack, { level: "node", onProgress: say }), say)
if (!values.check) writeFileSync(pageFile, recorded)
else if (readFileSync(pageFile, "utf8") !== recorded) {
  console.error("docs/terminal.md is not what a recording makes: run `bun run terminal` and look at the difference")
  process.exitCode = 1
}
