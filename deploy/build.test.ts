import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compile, compileFlags, programs } from "./build.ts"
import { bunExecutable, checkIntegrity, IntegrityMismatch } from "./bunExecutable.ts"
import { lockedPackages } from "./lockfile.ts"
import { releasedName, targetNamed, targets, targetsOf } from "./targets.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "build-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const sha256 = async (path: string) =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex")

describe("targets", () => {
  test("every target's Bun is in bun.lock, at the pinned version and with a hash", () => {
    const locked = lockedPackages()
    for (const { bunPackage } of targets) expect(locked.get(bunPackage)?.version).toBe(process.versions.bun)
  })
  test("the client is built for eight machines, servers for Linux", () => {
    expect(targetsOf("clusterconnect").length).toBe(8)
    expect(targetsOf("clusterconnect-relay").map(({ name }) => name)).toEqual(["linux-x64", "linux-arm64"])
    expect(releasedName("clusterconnect", targetNamed("windows-x64"))).toBe("clusterconnect-windows-x64.exe")
  })
  test("an executable whose hash is not bun.lock's is refused", () => {
    const [one] = lockedPackages().values()
    expect(() => checkIntegrity("x", Buffer.from("evil"), one?.integrity ?? "")).toThrow(IntegrityMismatch)
  })
})

describe("compiled programs", () => {
  test("for another machine are made here, and a second build, in whatever folder, gives the same bytes", async () => {
    const hashes: string[] = []
    for (const place of ["one", "two"]) {
      const outfile = join(folder, place, "clusterconnect-darwin-arm64")
      compile("clusterconnect", outfile, { target: targetNamed("darwin-arm64"), version: "9.9.9" })
      hashes.push(await sha256(outfile))
      await rm(outfile)
    }
    expect(hashes[0]).toBe(hashes[1])
    expect(existsSync(bunExecutable(targetNamed("darwin-arm64")))).toBe(true)
  })

  test("ignore a hostile bunfig.toml and .env in their working directory, all of them (S18)", async () => {
    const hostile = join(folder, "hostile")
    await mkdir(hostile)
    await writeFile(join(hostile, ".env"), "CLUSTERCONNECT_RELAY=https://from-dotenv.invalid\n")
    await writeFile(join(hostile, "bunfig.toml"), 'preload = ["./preload.ts"]\n')
    await writeFile(join(hostile, "preload.ts"), "console.log('preload ran'); console.error('preload ran')\n")
    const { BUN_OPTIONS: _options, BUN_BE_BUN: _be, CLUSTERCONNECT_RELAY: _relay, ...environment } = process.env
    const env = { ...environment, HOME: folder, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder }
    for (const program of Object.keys(programs)) {
      const outfile = join(folder, program)
      compile(program, outfile, { version: "9.9.9" })
      const words = program === "clusterconnect" ? ["clusters", "list"] : ["--version"]
      const { stdout, stderr } = Bun.spawnSync([outfile, ...words], { cwd: hostile, env })
      const said = `${stdout}${stderr}`
      expect(said).not.toBe("")
      expect(said).not.toContain("preload ran")
      expect(said).not.toContain("from-dotenv")
      if (program !== "clusterconnect") expect(said).toContain("9.9.9")
      await rm(outfile)
    }
    expect(compileFlags).toContain("--no-compile-autoload-dotenv")
  })
})
