import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { Home } from "../../proxy/testing/ProxyProcess.ts"
import { type IdentityProvider, publicClientId, startIdentityProvider } from "../idp/IdentityProvider.ts"
import { visit } from "../idp/visit.ts"

/** A session bus of its own with a real Secret Service behind it, unlocked; everything ends with the command. */
const needed = ["dbus-run-session", "gnome-keyring-daemon"]
const missing = needed.filter((program) => Bun.which(program) === null)
if (missing.length > 0)
  console.warn(
    `keyring.test.ts is skipped: ${missing.join(" and ")} missing (Debian: dbus gnome-keyring libsecret-1-0)`,
  )

let provider: IdentityProvider
let far: FarEnd
let home: Home
let directory: string
beforeAll(async () => {
  provider = await startIdentityProvider()
  far = await FarEnd.start()
  home = await Home.for(far)
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-keyring-"))
})
afterAll(async () => {
  await provider.stop()
  await far.stop()
  await home[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

test.skipIf(missing.length > 0)("a real Secret Service seals the login, and only it opens it", async () => {
  const caFile = join(directory, "ca.pem")
  await writeFile(caFile, provider.caPem)
  const client = `"${process.execPath}" "${join(import.meta.dir, "../../proxy/main.ts")}"`
  const options = `--relay ${far.relayUrl} --issuer ${provider.issuer} --client-id ${publicClientId} --ca-file ${caFile}`
  const check = `doctor ${far.cluster} --pin ${far.material.pin}`
  const script = [
    // Its own last words are no matter of this test.
    "printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1",
    `${client} login --device-code ${options} ${far.cluster} || exit 11`,
    `${client} ${check} >&2`,
    "echo answered=$? >&2",
  ].join("\n")
  const child = spawn("dbus-run-session", ["--", "sh", "-c", script], {
    env: { PATH: process.env.PATH, HOME: home.path, XDG_RUNTIME_DIR: directory, NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  })
  let said = ""
  let visited = false
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString()
    const at = /open (https:\S+)\n/.exec(said)?.[1]
    if (at === undefined || visited) return
    visited = true
    void visit(at, provider.caPem)
  })
  await new Promise((resolve) => child.once("close", resolve))
  expect(said).toContain("sealed by your system's keyring")
  expect(said).toMatch(/^ok +relay token +issuer /m)
  const sessions = join(home.configuration, "sessions")
  const [file = ""] = (await readdir(sessions)).filter((name) => name.endsWith(".json"))
  expect(Object.keys(JSON.parse(await readFile(join(sessions, file), "utf8")))).toEqual(["version", "sealed"])
  const outside = Bun.spawnSync([process.execPath, join(import.meta.dir, "../../proxy/main.ts"), ...check.split(" ")], {
    env: { PATH: process.env.PATH ?? "", HOME: home.path },
  })
  expect(outside.stdout.toString()).toContain("the stored login cannot be opened")
})
