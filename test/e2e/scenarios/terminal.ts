import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { outlineOf, pageFile, recordedPage } from "../../terminal/page.ts"
import type { World } from "../../world/World.ts"

/** What the programs say word for word is checked by `bun run terminal --check`. */
export const terminal = (world: () => World): void => {
  test("the session of docs/terminal.md can be had as it stands there: the same commands in the same order", async () => {
    const page = await recordedPage(world(), (line) => console.error(`e2e: terminal: ${line}`))
    expect(outlineOf(page)).toEqual(outlineOf(readFileSync(pageFile, "utf8")))
  }, 300_000)
}
