import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import "../../agent/authproxy/metrics.ts"
import "../../agent/tunnel/metrics.ts"
import "../../operator/metrics.ts"
import "../../relay/metrics.ts"
import "../configuration.ts"
import { declarations, exposition } from "../metrics.ts"

const page = readFileSync(join(import.meta.dir, "../../docs/metrics.md"), "utf8")
/** Of every process, in Prometheus' own words. */
const ofTheProcess = [...exposition().matchAll(/^# HELP (process_\S+) (.*)\n# TYPE \S+ (.*)$/gm)].map(
  ([, name = "", help = "", kind = ""]) => ({ kind, name, help, labels: [] as readonly string[] }),
)

const row = ({ kind, name, help, labels }: (typeof ofTheProcess)[number]) =>
  `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`

test("docs/metrics.md has every metric of every program, as its declaration says, and no other", () => {
  const declared = [...declarations(), ...ofTheProcess].filter(({ name }) => !name.startsWith("clusterconnect_test_"))
  expect(page.match(/^\| `(clusterconnect|process)_.*$/gm)?.toSorted()).toEqual(declared.map(row).toSorted())
})

test("every metric that the page's alerts and examples name is one of its tables", () => {
  const known = new Set([...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = ""]) => name))
  const named = [...page.matchAll(/\bclusterconnect_\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ""))
  expect(named.filter((name) => !known.has(name))).toEqual([])
})
