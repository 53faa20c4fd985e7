import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { EventEmitter } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Either, Fiber, Schema, type Scope, Stream } from "effect"
import {
  ConfigurationInvalid,
  decodeConfiguration,
  loadConfiguration,
  MAX_CONFIGURATION_BYTES,
  watchConfiguration,
} from "../configuration.ts"
import { writeFileAtomic } from "../files.ts"
import { refusedReads } from "../fixtures/refusedReads.ts"
import { logLayer } from "../logs.ts"
import { exposition } from "../metrics.ts"

const Policy = Schema.Struct({
  listen: Schema.String,
  port: Schema.optional(Schema.Number),
  token: Schema.optional(Schema.Number),
  policy: Schema.optional(
    Schema.Array(Schema.Struct({ issuer: Schema.String, role: Schema.Literal("connect", "enrol", "admin") })),
  ),
})

const problems = (text: string): readonly string[] => {
  const decoded = decodeConfiguration(Policy, text, "relay.yaml")
  return Either.isLeft(decoded)
    ? decoded.left.problems
    : expect.unreachable(`accepted: ${JSON.stringify(decoded.right.value)}`)
}

describe("decoding", () => {
  test("takes YAML and JSON, and identifies the text by its hash", () => {
    const yaml = Either.getOrThrow(decodeConfiguration(Policy, "listen: a\nport: 1\n", "x"))
    const json = Either.getOrThrow(decodeConfiguration(Policy, '{"listen": "a", "port": 1}', "x"))
    expect(yaml.value).toEqual({ listen: "a", port: 1 })
    expect(json.value).toEqual(yaml.value)
    expect(yaml.hash).toMatch(/^[0-9a-f]{64}$/)
    expect(json.hash).not.toBe(yaml.hash)
  })

  test("reads YAML 1.2, where no and on are words", () => {
    expect(Either.getOrThrow(decodeConfiguration(Policy, "listen: no", "x")).value.listen).toBe("no")
  })

  test("names an unknown key, its path and the accepted ones", () => {
    const [first] = problems("listen: a\npolicy:\n- issuer: https://i\n  role: admin\n  cluster: [edge-*]\n")
    expect(first).toBe("policy.0.cluster: unknown key; accepted here: issuer, role")
  })

  test("names every problem at once, with what was found and what is accepted", () => {
    const found = problems("port: eighty\npolicy: [{issuer: 5, role: owner}]\n")
    expect(found).toHaveLength(4)
    expect(found).toContain("listen: missing")
    expect(found).toContain('port: found "eighty", expected number')
    expect(found).toContain("policy.0.issuer: found 5, expected string")
    expect(found.join()).toContain('policy.0.role: found "owner", expected "connect" | "enrol" | "admin"')
  })

  test("does not show a value under a key that promises a secret, nor the insides of an object", () => {
    expect(problems("listen: a\ntoken: hunter2").join()).not.toContain("hunter2")
    expect(problems("listen: {token: hunter2}").join()).not.toContain("hunter2")
  })

  test.each([
    ["an empty file", "", "it is empty"],
    ["only comments", "# nothing\n", "it is empty"],
    ["a key given twice", "listen: a\nlisten: b\n", "line 2, column 1: Map keys must be unique"],
    ["a second document", "listen: a\n---\nlisten: b\n", "found 2 YAML documents, expected one"],
    ["a list where an object is due", "- a", "the file:"],
    [
      "a merge that never ends",
      "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n",
      "alias",
    ],
    ["broken syntax", "listen: [a\n", "line 2, column 1"],
    ["too much", `listen: ${"a".repeat(MAX_CONFIGURATION_BYTES)}`, "larger than"],
  ])("refuses %s", (_, text, expected) => expect(problems(text).join()).toContain(expected))

  test("does not quote the line of a syntax error, for it may hold a secret", () => {
    expect(problems("token: [hunter2\n").join()).not.toContain("hunter2")
  })
})

describe("a configuration file", () => {
  let directory: string
  let path: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "configuration-"))
    path = join(directory, "relay.yaml")
  })
  afterEach(() => rm(directory, { recursive: true }))

  const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>, lines: string[] = []) =>
    Effect.runPromise(
      effect.pipe(Effect.scoped, Effect.provide(logLayer({ program: "test", write: (line) => void lines.push(line) }))),
    )

  const listens = (stream: Stream.Stream<{ readonly value: typeof Policy.Type }>, wanted: string) =>
    stream.pipe(
      Stream.filter(({ value }) => value.listen === wanted),
      Stream.runHead,
    )

  test("that is absent is a typed failure with its path", async () => {
    const failure = await run(Effect.flip(loadConfiguration(path, Policy)))
    expect(failure).toBeInstanceOf(ConfigurationInvalid)
    expect(failure.message).toBe(`${path} is not usable:\n  - there is no such file`)
  })

  test("must be good when the program starts", async () => {
    await writeFile(path, "nonsense: 1")
    expect(await run(Effect.flip(watchConfiguration(path, Policy)))).toBeInstanceOf(ConfigurationInvalid)
  })

  test("is followed through an atomic replacement", async () => {
    await writeFile(path, "listen: one")
    await run(
      Effect.gen(function* () {
        const watched = yield* watchConfiguration(path, Policy, { pollMillis: 3_600_000 })
        expect(watched.current().value.listen).toBe("one")
        const second = yield* Effect.fork(listens(watched.changes, "two"))
        yield* Effect.promise(() => writeFileAtomic(path, "listen: two"))
        yield* Fiber.join(second)
        expect(watched.current().value.listen).toBe("two")
      }),
    )
  })

  test("that turns bad leaves the last good one in force, is reported once, and recovers", async () => {
    await writeFile(path, "listen: one")
    const lines: string[] = []
    await run(
      Effect.gen(function* () {
        const watched = yield* watchConfiguration(path, Policy, { pollMillis: 3_600_000 })
        yield* Effect.promise(() => writeFileAtomic(path, "listen: [2]"))
        const failure = yield* Effect.flip(watched.reload)
        expect(failure.problems).toEqual(["listen: found a list, expected string"])
        expect(watched.failure()).toBeDefined()
        expect(watched.current().value.listen).toBe("one")
        const third = yield* Effect.fork(listens(watched.changes, "three"))
        yield* Effect.promise(() => writeFileAtomic(path, "listen: three"))
        yield* Fiber.join(third)
        expect(watched.failure()).toBeUndefined()
      }),
      lines,
    )
  })

  test("that cannot be read when it changes is read again until it can be; the log and the metric tell of it once", async () => {
    await writeFile(path, "listen: one")
    const lines: string[] = []
    const refused = () => Number(exposition().match(/_reloads_total\{outcome="refused"\} (\d+)/)?.[1] ?? 0)
    const before = refused()
    using reads = refusedReads(directory)
    await run(
      Effect.gen(function* () {
        const watched = yield* watchConfiguration(path, Policy, { pollMillis: 1 })
        reads.fault = "EMFILE"
        const many = reads.refusals(3)
        yield* Effect.promise(() => writeFileAtomic(path, "listen: two"))
        yield* Effect.promise(() => many)
        expect(refused() - before).toBe(1)
        reads.fault = "ENOENT"
        yield* Effect.promise(() => reads.refusals(3))
        expect(refused() - before).toBe(2)
        const second = yield* Effect.fork(listens(watched.changes, "two"))
        reads.fault = undefined
        yield* Fiber.join(second)
        expect(watched.failure()).toBeUndefined()
      }),
      lines,
    )
    expect(lines.filter((line) => line.includes("EMFILE"))).toHaveLength(1)
    expect(lines.filter((line) => line.includes("there is no such file"))).toHaveLength(1)
  })

  test("whose content is refused is told of at every change", async () => {
    await writeFile(path, "listen: one")
    const lines: string[] = []
    const refusals = () => lines.filter((line) => line.includes("configuration refused")).length
    await run(
      Effect.gen(function* () {
        yield* watchConfiguration(path, Policy, { pollMillis: 3_600_000 })
        for (const times of [1, 2]) {
          yield* Effect.promise(() => writeFileAtomic(path, `listen: [${times}]`))
          while (refusals() < times) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
      }),
      lines,
    )
    expect(refusals()).toBe(2)
  })

  test("that passes the schema and not the program's own check was never in force, whoever asks", async () => {
    const check = ({ listen }: typeof Policy.Type) =>
      listen.startsWith("one")
        ? Either.right(undefined)
        : Either.left(new ConfigurationInvalid({ source: path, problems: ["listen: not one"] }))
    const inForce = () =>
      exposition()
        .match(/^clusterconnect_configuration_current\{.*\} [01]$/gm)
        ?.filter((line) => line.includes(path))
    await writeFile(path, "listen: two")
    const options = { pollMillis: 3_600_000, check }
    expect((await run(Effect.flip(watchConfiguration(path, Policy, options)))).problems).toEqual(["listen: not one"])
    await writeFile(path, "listen: one")
    await run(
      Effect.gen(function* () {
        const watched = yield* watchConfiguration(path, Policy, options)
        const before = watched.current()
        expect(inForce()).toEqual([`clusterconnect_configuration_current{file="${path}"} 1`])
        yield* Effect.promise(() => writeFileAtomic(path, "listen: two"))
        expect((yield* Effect.flip(watched.reload)).problems).toEqual(["listen: not one"])
        expect([watched.current(), watched.failure()?.problems]).toEqual([before, ["listen: not one"]])
        expect(inForce()).toEqual([`clusterconnect_configuration_current{file="${path}"} 0`])
      }),
    )
  })

  test("is read again on SIGHUP, and no more when its scope has ended", async () => {
    await writeFile(path, "listen: one")
    const signals = new EventEmitter()
    await run(
      Effect.gen(function* () {
        const watched = yield* watchConfiguration(path, Policy, { pollMillis: 3_600_000, signals: signals as never })
        // In place and with no poll: only the signal says that it is complete.
        yield* Effect.promise(() => writeFile(path, "listen: two"))
        const second = yield* Effect.fork(listens(watched.changes, "two"))
        signals.emit("SIGHUP")
        yield* Fiber.join(second)
      }),
    )
    expect(signals.listenerCount("SIGHUP")).toBe(0)
  })

  test("that cannot be read is told of again on SIGHUP", async () => {
    await writeFile(path, "listen: one")
    const lines: string[] = []
    const signals = new EventEmitter()
    const told = () => lines.filter((line) => line.includes("EMFILE")).length
    using reads = refusedReads(directory)
    await run(
      Effect.gen(function* () {
        yield* watchConfiguration(path, Policy, { pollMillis: 3_600_000, signals: signals as never })
        reads.fault = "EMFILE"
        for (const times of [1, 2]) {
          signals.emit("SIGHUP")
          while (told() < times) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
      }),
      lines,
    )
    expect(told()).toBe(2)
  })

  test("that is written again with the same content changes nothing", async () => {
    await writeFile(path, "listen: one")
    await run(
      Effect.gen(function* () {
        const watched = yield* watchConfiguration(path, Policy, { pollMillis: 3_600_000 })
        const before = watched.current()
        yield* Effect.promise(() => writeFileAtomic(path, "listen: one"))
        expect(yield* watched.reload).toBe(before)
      }),
    )
  })
})
