/**
 * `bun run test [SUITE…]`: installs what the lock file names, checks, and runs the suites. Imports nothing from packages, because it
 * runs before they are installed. Ends with `N passed, N failed, N skipped`; exit status 1 when anything failed or nothing ran.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "./project.ts"
import { suites } from "./suites.ts"

const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !suites.some((suite) => suite.name === name))
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(", ")}; there are: ${suites.map((suite) => suite.name).join(", ")}`)
  process.exit(2)
}
const running = suites.filter((suite) => chosen.length === 0 || chosen.includes(suite.name))

console.log("ClusterConnect: tests")
for (const suite of running)
  console.log(
    `  ${suite.name.padEnd(8)} ${suite.what} (about ${Math.ceil(suite.tookSeconds / 60)} min on 2 cores, nothing cached)`,
  )

const reports = mkdtempSync(join(tmpdir(), "clusterconnect-test-"))
const totals = { passed: 0, failed: 0, skipped: 0 }
const broken: string[] = []

/** Runs this same Bun in the checkout; true when it exits 0. */
const phase = (name: string, args: readonly string[]): boolean => {
  console.log(`\n=== ${name}`)
  const started = performance.now()
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  console.log(
    `=== ${name}: ${done.status === 0 ? "ok" : "FAILED"} after ${((performance.now() - started) / 1000).toFixed(0)} s`,
  )
  return done.status === 0
}

/** Adds the counts of a JUnit report's root element; false when there is none, as after a crash. */
const count = (report: string): boolean => {
  let text: string
  try {
    text = readFileSync(report, "utf8")
  } catch {
    return false
  }
  const attribute = (name: string) => Number(text.match(new RegExp(`<testsuites[^>]*\\b${name}="(\\d+)"`))?.[1] ?? 0)
  const [tests, failures, skipped] = [attribute("tests"), attribute("failures"), attribute("skipped")]
  totals.passed += tests - failures - skipped
  totals.failed += failures
  totals.skipped += skipped
  return tests > 0
}

if (!phase("install", ["install", "--frozen-lockfile"])) broken.push("install")
else {
  if (!phase("check", ["test/check.ts"])) broken.push("check")
  if (!phase("kubernetes", ["test/cluster/main.ts", "prepare"])) broken.push("kubernetes")
  for (const suite of running) {
    const report = join(reports, `${suite.name}.xml`)
    const passed = phase(suite.name, [
      "test",
      "--timeout=60000",
      ...suite.paths,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
    ])
    if (!count(report) || !passed) broken.push(suite.name)
  }
}
rmSync(reports, { recursive: true, force: true })

if (broken.length > 0) console.log(`\nFAILED: ${broken.join(", ")}`)
// A phase that died without naming a failing test still counts as one.
const failed = Math.max(totals.failed, broken.length)
console.log(`\n${totals.passed} passed, ${failed} failed, ${totals.skipped} skipped`)
process.exit(failed > 0 || totals.passed === 0 ? 1 : 0)
