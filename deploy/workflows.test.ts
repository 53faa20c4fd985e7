import { expect, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dir, "..")

/** Go builds it from its module in a few seconds and keeps it in its cache. */
test("actionlint finds nothing in the workflows", () => {
  const folder = join(root, ".github", "workflows")
  const files = readdirSync(folder).map((name) => join(folder, name))
  const words = ["run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", "-shellcheck=", "-pyflakes=", ...files]
  const { status, stdout, stderr } = spawnSync("go", words, { encoding: "utf8", cwd: "/", timeout: 50_000 })
  expect(`${stdout}${stderr.replace(/^go: downloading.*\n/gm, "")}`).toBe("")
  expect(status).toBe(0)
})
