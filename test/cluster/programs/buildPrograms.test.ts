import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runProgram } from "../process/runProgram.ts"
import { BuildFailed, buildPrograms, missingPrograms, programsDirectory } from "./buildPrograms.ts"
import { cacheDirectory } from "./cacheDirectory.ts"
import { contentKey } from "./contentKey.ts"
import type { GoModule } from "./modules.ts"

const inputs = {
  goMod: "module a",
  goSum: "",
  toolchain: "go1.26",
  module: { ldflags: "-s", programs: [{ name: "a", package: "p", secondsElsewhere: 1 }] },
}

describe("the key of a build", () => {
  test("equal inputs give an equal key, and how long it took elsewhere is none of them", () => {
    const slower = {
      ...inputs,
      module: { ...inputs.module, programs: [{ ...inputs.module.programs[0]!, secondsElsewhere: 9 }] },
    }
    expect(contentKey(slower)).toBe(contentKey(inputs))
  })

  test.each([
    ["go.mod", { ...inputs, goMod: "module b" }],
    ["go.sum", { ...inputs, goSum: "x" }],
    ["Go", { ...inputs, toolchain: "go1.27" }],
    ["the link flags", { ...inputs, module: { ...inputs.module, ldflags: "" } }],
    [
      "a program's tags",
      { ...inputs, module: { ...inputs.module, programs: [{ ...inputs.module.programs[0]!, tags: ["t"] }] } },
    ],
  ])("another %s gives another key", (_, changed) => {
    expect(contentKey(changed)).not.toBe(contentKey(inputs))
  })

  test("the cache is where the XDG base directory specification says, relative paths ignored", () => {
    expect(cacheDirectory({ XDG_CACHE_HOME: "/cache", HOME: "/home/a" })).toBe("/cache/clusterconnect")
    expect(cacheDirectory({ XDG_CACHE_HOME: "cache", HOME: "/home/a" })).toBe("/home/a/.cache/clusterconnect")
    expect(cacheDirectory({ HOME: "/home/a" })).toBe("/home/a/.cache/clusterconnect")
  })
})

describe("building the programs of a Go module", () => {
  let directory: string
  let module: GoModule
  const cacheBefore = process.env.XDG_CACHE_HOME
  const goCacheBefore = process.env.GOCACHE

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "clusterconnect-build-"))
    // Go's own cache must not move with XDG_CACHE_HOME: the first build would compile the runtime.
    process.env.GOCACHE = (await runProgram("go", ["env", "GOCACHE"])).stdout.trim()
  })
  beforeEach(() => {
    const folder = mkdtempSync(join(directory, "module-"))
    process.env.XDG_CACHE_HOME = join(folder, "cache")
    writeFileSync(join(folder, "go.mod"), "module example.test/tiny\n\ngo 1.21\n")
    writeFileSync(join(folder, "go.sum"), "")
    for (const [name, source] of [
      ["good", 'package main\n\nvar said = ""\n\nfunc main() { print(said) }\n'],
      ["bad", "package main\n"],
    ] as const) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, "main.go"), source)
    }
    const program = (name: string) => ({ name, package: `./${name}`, secondsElsewhere: 1 })
    module = { name: "tiny", directory: folder, ldflags: "-X main.said=hello", programs: ["good", "bad"].map(program) }
  })
  afterAll(() => {
    if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME
    else process.env.XDG_CACHE_HOME = cacheBefore
    if (goCacheBefore === undefined) delete process.env.GOCACHE
    else process.env.GOCACHE = goCacheBefore
    rmSync(directory, { recursive: true })
  })

  test("builds only what is asked for, with the module's flags, and says what and how long it took elsewhere", async () => {
    const said: string[] = []
    const built = await buildPrograms(module, ["good"], (line) => said.push(line))
    expect(built).toBe(await programsDirectory(module))
    expect((await runProgram(join(built, "good"), [])).stderr).toBe("hello")
    expect(said[0]).toStartWith("building good (1 of 1 of tiny; took 1 s elsewhere")
    expect(said[1]).toStartWith("built good in ")
    expect(missingPrograms(module, built, ["good", "bad"]).map(({ name }) => name)).toEqual(["bad"])
  })

  test("what is in the cache is not built again", async () => {
    const built = await buildPrograms(module, ["good"], () => {})
    const { ino } = statSync(join(built, "good"))
    const said: string[] = []
    await buildPrograms(module, ["good"], (line) => said.push(line))
    expect(said).toEqual([])
    expect(statSync(join(built, "good")).ino).toBe(ino)
  })

  test("of two builds at once one builds, the other waits and says so, and both have the program", async () => {
    const said: string[] = []
    const results = await Promise.all([1, 2].map(() => buildPrograms(module, ["good"], (line) => said.push(line))))
    expect(results[0]).toBe(results[1]!)
    expect(said.filter((line) => line.startsWith("building "))).toHaveLength(1)
    expect(said).toContain("another process builds tiny: waiting for it")
  })

  test("a failed build shows the compiler's words and leaves nothing that looks like a program", async () => {
    const failure = await buildPrograms(module, ["bad"], () => {}).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BuildFailed)
    expect((failure as Error).message).toContain("function main is undeclared")
    expect(readdirSync(await programsDirectory(module))).toEqual([])
  })
})
