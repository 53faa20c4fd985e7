import { afterEach, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readClaims } from "../../identity/readClaims.ts"
import { adminOf } from "./admin.ts"
import { request } from "./visit.ts"

interface Announcement {
  readonly issuer: string
  readonly caFile: string
  readonly adminSocket: string
}

const running: Bun.Subprocess[] = []
const start = async (...parameters: string[]) => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts"), ...parameters], {
    stdout: "pipe",
    stderr: "ignore",
  })
  running.push(child)
  let text = ""
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk)
    if (text.includes("\n")) break
  }
  return { child, announced: JSON.parse(text) as Announcement }
}
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill("SIGTERM")
    await child.exited
  }
})

const claimsOf = (token: string) => {
  const read = readClaims(token)
  if (read._tag === "Left") throw read.left
  return read.right
}

test("as a program it announces itself in one JSON line, mints over its socket and leaves nothing behind", async () => {
  const { child, announced } = await start("--listen", "127.0.0.1:0", "--name", "localhost")
  expect(announced.issuer).toStartWith("https://localhost:")
  const caPem = readFileSync(announced.caFile, "utf8")
  const { status } = await request(`${announced.issuer}/.well-known/openid-configuration`, { caPem })
  expect(status).toBe(200)
  const admin = adminOf(announced.adminSocket)
  const token = claimsOf(await admin.mint({ sub: "carol", groups: ["g"] }, { audience: "a", expiresInSeconds: 60 }))
  expect(token).toMatchObject({ issuer: announced.issuer, subject: "carol", audiences: ["a"] })
  await admin.shiftClock(-7200)
  expect(claimsOf(await admin.mint({}, { audience: "a" })).expiresAt!.getTime()).toBeLessThan(Date.now() - 6_000_000)
  await admin.rotateKeys({ withdrawOld: true })
  child.kill("SIGTERM")
  expect(await child.exited).toBe(0)
  expect(existsSync(announced.caFile)).toBe(false)
  expect(existsSync(announced.adminSocket)).toBe(false)
})

test("accounts and workloads come from a file, and a given directory is kept", async () => {
  const dir = await mkdtemp(join(tmpdir(), "clusterconnect-idp-test-"))
  try {
    const config = join(dir, "config.json")
    await writeFile(config, JSON.stringify({ accounts: { dave: {} }, workloads: { ci: { secret: "s" } } }))
    const { child, announced } = await start("--config", config, "--dir", dir)
    const caPem = readFileSync(announced.caFile, "utf8")
    const answer = await request(`${announced.issuer}/token`, {
      caPem,
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${Buffer.from("ci:s").toString("base64")}`,
      },
      body: "grant_type=client_credentials&resource=urn:x",
    })
    expect(answer.status).toBe(200)
    child.kill("SIGTERM")
    await child.exited
    expect(existsSync(announced.caFile)).toBe(true)
    expect(existsSync(announced.adminSocket)).toBe(false)
  } finally {
    await rm(dir, { recursive: true })
  }
})

test("a call without its options is refused", async () => {
  const { announced } = await start()
  await expect(adminOf(announced.adminSocket).mint({}, undefined as never)).rejects.toThrow()
})
