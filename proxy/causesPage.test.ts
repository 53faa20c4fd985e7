import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as carrierPort from "../agent/authproxy/carrier/carrierHead.ts"
import * as exchange from "../agent/authproxy/exchange/refusals.ts"
import * as upstream from "../agent/authproxy/upstream/refusals.ts"
import * as identity from "../identity/refusals.ts"
import { DialFailure } from "../protocol/control.ts"
import { reason } from "../protocol/core/reasons.ts"
import { DocumentRefused } from "../protocol/document.ts"
import { hops } from "../protocol/status.ts"
import * as relay from "../relay/refusals.ts"
import { openingRefusal } from "../relay/streams/openingRefusal.ts"

const root = join(import.meta.dir, "..")

interface Cause {
  readonly name: string
  /** Undefined where the cause may come from several, or with several. */
  readonly hop?: string
  readonly code?: number
}

/** Causes that are classes: they know their hop and their code. */
const classes = (module: object, otherwise?: string): readonly Cause[] =>
  Object.values(module).flatMap((made) => {
    if (typeof made !== "function" || !/^class /.test(String(made))) return []
    const { _tag, hop = otherwise, httpStatus, code = httpStatus } = new made({})
    return [{ name: _tag, hop, code }]
  })

const dials: readonly Cause[] = DialFailure.literals.map((word) => {
  const { cause, hop, code } = openingRefusal({ type: "dialFailed", reason: word })
  return { name: cause, hop, code }
})

/** Causes that are words where they arise; what is behind a word that is put together stands for `…`. */
const written: readonly Cause[] = ["proxy", "relay"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/\.test\.ts$|\btesting\b/.test(path))
    .flatMap((path) => {
      const source = readFileSync(join(root, folder, path), "utf8")
      const words = [
        ...source.matchAll(/\bcause: (?:[^,\n]*\? )?"([A-Z]\w+)"(?: : "([A-Z]\w+)")?/g),
        ...source.matchAll(/\brefusal\(\s*\d{3},\s*"([A-Z]\w+)"/g),
        ...source.matchAll(/\brefused\(\s*(?:"[a-z-]+",\s*)?"([A-Z]\w+)"/g),
      ].flatMap(([, ...found]) => found.filter((word) => word !== undefined))
      const beginnings = [...source.matchAll(/\bcause: `([A-Z][\w-]*)\$\{/g)].map(([, word]) => `${word}…`)
      return [...words, ...beginnings].map((name) => ({ name }))
    }),
)

const others: readonly Cause[] = [
  ...DocumentRefused.fields.reason.literals,
  ...Object.values(reason),
  // Of a call that failed: relayFailures.ts takes the names of platform/outbound.
  ...["BodyTooLarge", "RedirectRefused", "OutboundInvalid"],
].map((name) => ({ name }))

const all = [
  ...classes(identity),
  ...[exchange, upstream].flatMap((module) => classes(module, "auth-proxy")),
  ...classes(carrierPort, "auth-proxy"),
  ...classes(relay),
  ...[...dials, ...written, ...others],
]

/** Rows of the page: cause, hop, code; the last two empty where they differ. */
const rows: readonly Cause[] = [
  ...readFileSync(join(root, "docs/causes.md"), "utf8").matchAll(/^\| `([^`]+)` \| ([a-z-]*) ?\| (\d*) ?\|/gm),
].map(([, name = "", hop = "", code = ""]) => ({ name, hop, code: Number(code) }))

test("docs/causes.md has every cause that a program can give, and no other", () => {
  const names = (causes: readonly Cause[]) => [...new Set(causes.map(({ name }) => name))].toSorted()
  expect(names(rows)).toEqual(names(all))
})

test("docs/causes.md has the hop and the code of every cause that declares them", () => {
  for (const { name, hop, code } of all) {
    if (code === undefined) continue
    const said = rows.filter((row) => row.name === name)
    const fits = said.some((row) => row.code === code && (hop === undefined || row.hop === hop))
    expect([name, hop, code, fits]).toEqual([name, hop, code, true])
  }
  for (const { hop } of rows) if (hop) expect(hops as readonly string[]).toContain(hop)
})
