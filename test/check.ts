/** `bun run check`: types, formatting and lint, import rules, generated files up to date. Exit status 1 names every part that failed. */
import { spawnSync } from "node:child_process"
import { violations } from "./importRules.ts"
import { root, sourceFiles } from "./project.ts"

const run =
  (program: string, ...args: readonly string[]) =>
  () =>
    spawnSync(process.execPath, ["x", "--no-install", program, ...args], { cwd: root, stdio: "inherit" }).status === 0

const importRules = () => {
  const found = violations(root, sourceFiles())
  for (const line of found) console.error(line)
  return found.length === 0
}

const parts = {
  types: run("tsc", "--noEmit"),
  "format and lint": run("biome", "check", "--error-on-warnings"),
  "import rules": importRules,
  "generated files": () =>
    ["crds/generate.ts", "deploy/manifests/generate.ts", "deploy/release/keys.ts"]
      .map((generator) => spawnSync(process.execPath, [generator, "--check"], { cwd: root, stdio: "inherit" }))
      .every(({ status }) => status === 0),
}

const failed = Object.entries(parts).flatMap(([name, part]) => {
  const started = performance.now()
  const passed = part()
  console.error(`${passed ? "ok    " : "FAILED"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  return passed ? [] : [name]
})
if (failed.length > 0) {
  console.error(`check failed: ${failed.join(", ")}`)
  process.exit(1)
}
