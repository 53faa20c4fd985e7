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

/** Options that the parser gives a value when they are absent, once for each command that has one; a flag's is that it is absent. */
const defaultsIn = (node: unknown): readonly (readonly [option: string, value: string])[] => {
  if (typeof node !== "object" || node === null) return []
  const { _tag, fallback, options } = node as { _tag?: string; fallback?: unknown; options?: { fullName?: string } }
  const own =
    _tag === "WithDefault" && (typeof fallback === "string" || typeof fallback === "number") && options !== undefined
      ? [[String(options.fullName), String(fallback)] as const]
      : []
  return [...own, ...Object.values(node).flatMap(defaultsIn)]
}

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
  test("names the unit or the kind of every number that an option takes", async () => {
    for (const { options } of await pages()) for (const { label } of options) expect(label).not.toEndWith(" integer")
  })
  test("says the default of every option that has one", async () => {
    const said = (await pages()).flatMap(({ options }) =>
      options.map(({ name: option, about }) => `${option}: ${about}`),
    )
    const defaults = defaultsIn(root.descriptor)
    for (const [option, value] of defaults) {
      const wanted = defaults.filter(([one, other]) => one === option && other === value).length
      const found = said.filter((text) => text.startsWith(`${option}: `) && text.endsWith(` Default: ${value}.`)).length
      expect([option, value, found >= wanted]).toEqual([option, value, true])
    }
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
