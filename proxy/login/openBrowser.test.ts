import { afterEach, beforeEach, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { openBrowser } from "./openBrowser.ts"

const address = "http://127.0.0.1:40000/AAAAAAAAAAAAAAAAAAAAAA"

let directory: string
let home: string
let heard: http.Server
let words: Promise<readonly string[]>
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-open-"))
  home = join(directory, "home")
  await mkdir(home)
  const said = Promise.withResolvers<readonly string[]>()
  words = said.promise
  heard = http.createServer((req, res) => {
    let body = ""
    req.on("data", (chunk: Buffer) => {
      body += chunk.toString()
    })
    req.on("end", () => {
      res.end()
      said.resolve(JSON.parse(body) as string[])
    })
  })
  heard.listen(0, "127.0.0.1")
  await once(heard, "listening")
})
afterEach(async () => {
  heard.close()
  await rm(directory, { recursive: true })
})

/** A desktop whose opener reports its argument list, as every local user can read it. */
const desktop = async (platform: NodeJS.Platform, opener: string, code = 0) => {
  const { port } = heard.address() as AddressInfo
  const told = `await fetch("http://127.0.0.1:${port}", { method: "POST", body: JSON.stringify(process.argv.slice(2)) })`
  const program = join(directory, opener)
  await writeFile(program, `#!${process.execPath}\n${told}\nprocess.exit(${code})\n`)
  await chmod(program, 0o700)
  return { platform, environment: { PATH: directory }, home: () => home }
}
const modeOf = async (path: string) => (await stat(path)).mode & 0o777
const neverFails = () => {
  throw new Error("opening failed")
}

for (const [platform, opener] of [
  ["linux", "xdg-open"],
  ["darwin", "open"],
] as const)
  test(`on ${platform} the address is in no argument list, but in a page that only its user can read`, async () => {
    using opened = new DisposableStack()
    openBrowser(address, neverFails, opened, await desktop(platform, opener))
    const [path = "", ...more] = await words
    expect(more).toEqual([])
    expect(dirname(dirname(path))).toBe(home)
    expect([await modeOf(dirname(path)), await modeOf(path)]).toEqual([0o700, 0o600])
    expect(await readFile(path, "utf8")).toContain(`http-equiv="refresh" content="0;url=${address}"`)
    opened.dispose()
    expect(await readdir(home)).toEqual([])
  })

test("the page is in no hidden directory: browsers in a snap could not read it", async () => {
  using opened = new DisposableStack()
  openBrowser(address, neverFails, opened, await desktop("linux", "xdg-open"))
  const [path = ""] = await words
  expect(path.slice(home.length)).toMatch(/^\/clusterconnect-login-[^/]+\/login\.html$/)
})

test("on Windows, where others cannot read argument lists, the address itself is opened", async () => {
  using opened = new DisposableStack()
  openBrowser(address, neverFails, opened, await desktop("win32", "rundll32"))
  expect(await words).toEqual(["url.dll,FileProtocolHandler", address])
  expect(await readdir(home)).toEqual([])
})

test("where no page can be written nothing is opened, and it is said so", async () => {
  const failed = Promise.withResolvers<void>()
  const nowhere = { ...(await desktop("linux", "xdg-open")), home: () => join(home, "missing") }
  using opened = new DisposableStack()
  openBrowser(address, failed.resolve, opened, nowhere)
  await failed.promise
})

test("an opener that is missing or says no is a failure that is told", async () => {
  using opened = new DisposableStack()
  const missing = { platform: "linux", environment: { PATH: home }, home: () => home } as const
  for (const on of [missing, await desktop("linux", "xdg-open", 3)]) {
    const failed = Promise.withResolvers<void>()
    openBrowser(address, failed.resolve, opened, on)
    await failed.promise
  }
})

test("a login that is ended by a signal leaves no page behind", async () => {
  const program = `
    import { openingPage } from ${JSON.stringify(join(import.meta.dir, "openingPage.ts"))}
    openingPage(${JSON.stringify(address)}, ${JSON.stringify(home)})
    process.once("SIGTERM", () => process.exit(143))
    process.stdout.write("ready")
    setInterval(() => {}, 1_000)`
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] })
  await once(child.stdout, "data")
  expect(await readdir(home)).toHaveLength(1)
  child.kill("SIGTERM")
  expect(await once(child, "exit")).toEqual([143, null])
  expect(await readdir(home)).toEqual([])
})
