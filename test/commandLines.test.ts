import { describe, expect, test } from "bun:test"
import { BunContext } from "@effect/platform-bun"
import { Effect } from "effect"
import { program as agent } from "../agent/program.ts"
import { program as operator } from "../operator/program.ts"
import { type CommandPage, pageOf, pagesBelow, type Root, readLine } from "../platform/commandLine.ts"
import { program as clusterconnect } from "../proxy/program.ts"
import { program as relay } from "../relay/program.ts"

const programs: ReadonlyArray<readonly [string, Root]> = [
  ["clusterconnect", clusterconnect(undefined)],
  ["clusterconnect-agent", agent],
  ["clusterconnect-relay", relay],
  ["clusterconnect-operator", operator],
]

/** As a shell would split it: quotes hold words together, and what is redirected is the shell's. */
const words = (line: string) =>
  [...line.replace(/ >.*$/, "").matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? "",
  )

describe.each(programs)("%s", (name, root) => {
  const read = (line: string) =>
    Effect.runPromise(readLine(root, name, words(line).slice(1)).pipe(Effect.provide(BunContext.layer)))
  const pages = (): Promise<readonly CommandPage[]> =>
    Effect.runPromise(
      Effect.gen(function* () {
        const whole = yield* pageOf(root, name, [])
        return [whole, ...(yield* pagesBelow(root, name, whole))]
      }).pipe(Effect.provide(BunContext.layer)),
    )

  test("says of every command, argument and option what it is", async () => {
    for (const page of await pages())
      for (const { about } of [page, ...page.arguments, ...page.options]) expect([page.path, about]).not.toContain("")
  })
  test("understands every example of its help, which is of that command", async () => {
    for (const page of await pages())
      for (const { line, does } of page.examples) {
        expect(does).toMatch(/\.$/)
        expect(words(line)[0]).toBe(name)
        const { page: meant, reading } = await read(line)
        expect([line, reading.fault]).toEqual([line, undefined])
        expect(meant.path.slice(0, page.path.length)).toEqual([...page.path])
        expect(reading.behindDashes).toBe(meant.behindDashes !== undefined)
      }
  })
})
