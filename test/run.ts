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
/** What failed, with its reason: printed last, where also somebody sees it who gets only the end of the output. */
const reasons: string[] = []

/** Runs this same Bun in the checkout; true when it exits 0. */
const phase = (name: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): boolean => {
  console.log(`\n=== ${name}`)
  const started = performance.now()
  const done = spawnSync(process.execPath, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] })
  console.log(
    `=== ${name}: ${done.status === 0 ? "ok" : "FAILED"} after ${((performance.now() - started) / 1000).toFixed(0)} s`,
  )
  return done.status === 0
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" }
const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code, name) =>
    code === undefined ? (entities[name] ?? whole) : String.fromCodePoint(Number(code)),
  )
const failurePattern =
  /<testcase name="([^"]*)" classname="([^"]*)"[^>]*>\s*<failure[^>]*?(?:message="([^"]*)"\s*\/>|\/>|>([^<]*)<)/g
/** Of one reason: a difference of megabytes would push the others out of sight. */
const reasonLines = 200
const reasonColumns = 1_000
const bounded = (text: string): string =>
  text
    .split("\n")
    .slice(0, reasonLines)
    .map((line) => line.slice(0, reasonColumns))
    .join("\n")

/** Adds the counts of a JUnit report's root element, and its failures; false when there is none, as after a crash. */
const count = (suite: string, report: string): boolean => {
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
  for (const [, name = "", within = "", message = "", why = message] of text.matchAll(failurePattern))
    reasons.push(bounded(unescaped(`--- ${suite}: ${within === "" ? "" : `${within} > `}${name}\n${why}`)))
  return tests > 0
}

if (!phase("install", ["install", "--frozen-lockfile"])) broken.push("install")
else {
  if (!phase("check", ["test/check.ts"])) broken.push("check")
  if (!phase("kubernetes", ["test/cluster/main.ts", "prepare"])) broken.push("kubernetes")
  if (running.some(({ compiled }) => compiled) && !phase("build", ["deploy/build.ts"])) broken.push("build")
  for (const suite of running) {
    const report = join(reports, `${suite.name}.xml`)
    const passed = phase(
      suite.name,
      ["test", "--timeout=60000", ...suite.paths, "--reporter=junit", `--reporter-outfile=${report}`],
      suite.compiled ? { ...process.env, CLUSTERCONNECT_BINARIES: join(root, "dist") } : process.env,
    )
    if (!count(suite.name, report) || !passed) broken.push(suite.name)
  }
}
rmSync(reports, { recursive: true, force: true })

for (const reason of reasons) console.log(`\n${reason}`)
if (broken.length > 0) console.log(`\nFAILED: ${broken.join(", ")}`)
// A phase that died without naming a failing test still counts as one.
const failed = Math.max(totals.failed, broken.length)
console.log(`\n${totals.passed} passed, ${failed} failed, ${totals.skipped} skipped`)
process.exit(failed > 0 || totals.passed === 0 ? 1 : 0)
