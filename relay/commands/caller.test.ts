import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stringify } from "yaml"
import { openStore } from "../store/Store.ts"
import { runRelay } from "../testing/RelayProgram.ts"
import { publicUrl } from "../testing/TestRelay.ts"

const corp = "https://id.example.com/corp"
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-caller-"))
  const issuers = [{ name: "corp", issuer: { url: corp } }]
  const database = join(directory, "relay.db")
  writeFileSync(join(directory, "relay.yaml"), stringify({ publicUrl, listen: "127.0.0.1:0", database, issuers }))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const caller = (verb: string, issuer: string, ...more: string[]) =>
  runRelay([
    "caller",
    verb,
    "--issuer",
    issuer,
    "--subject",
    "alice",
    ...more,
    "--config",
    join(directory, "relay.yaml"),
  ])
const inStore = <A>(body: (store: ReturnType<typeof openStore>) => A): A => {
  const store = openStore(join(directory, "relay.db"))
  try {
    return body(store)
  } finally {
    store.close()
  }
}
const revoked = () => inStore(({ callers }) => callers.all().map(({ issuer }) => issuer))

describe("caller revoke", () => {
  test("takes an issuer by its URL, and by its name for the same", async () => {
    expect(await caller("revoke", "corp")).toMatchObject({ code: 0 })
    expect(revoked()).toEqual([corp])
    expect(await caller("restore", "corp")).toMatchObject({ code: 0 })
    expect(revoked()).toEqual([])
    expect(await caller("revoke", corp)).toMatchObject({ code: 0 })
    expect(revoked()).toEqual([corp])
  })

  test("of an issuer that no token comes from revokes nobody and names the issuers there are", async () => {
    const { code, stderr } = await caller("revoke", `${corp}/`)
    expect(code).not.toBe(0)
    expect(stderr).toContain("no issuer of this relay's configuration has this name or URL")
    expect(stderr).toContain(`${corp}/`)
    expect(stderr).toContain(`corp (${corp})`)
    expect(revoked()).toEqual([])
  })

  test("of an issuer that was taken out of the configuration has to be asked for", async () => {
    const gone = "https://gone.example.com"
    expect(await caller("revoke", gone, "--unconfigured-issuer")).toMatchObject({ code: 0 })
    expect(revoked()).toEqual([gone])
    expect(await caller("restore", gone)).toMatchObject({ code: 0 })
    expect(revoked()).toEqual([])
  })
})

test("caller restore takes whatever stands in the list, and of the rest only issuers that are configured", async () => {
  inStore(({ callers }) => callers.revoke("Corp", "alice", new Date()))
  expect((await caller("restore", `${corp}/`)).stderr).toContain(
    "no issuer of this relay's configuration has this name or URL",
  )
  expect(await caller("restore", "Corp")).toMatchObject({ code: 0 })
  expect(revoked()).toEqual([])
})
