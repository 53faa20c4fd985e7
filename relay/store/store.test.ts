import { Database } from "bun:sqlite"
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { newKey, spkiOf } from "../../protocol/keys.ts"
import { DatabaseUnusable, schemaVersion } from "./database.ts"
import { openStore } from "./Store.ts"

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-store-"))
  file = join(directory, "relay.db")
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const now = new Date(1_800_000_000_000)
const registration = (name: string) => ({
  name,
  identityKey: spkiOf(newKey()),
  document: undefined,
  serial: 0,
  registeredAt: now,
})

describe("the database", () => {
  test("is made for its owner only, its journals too, and is found again", () => {
    const store = openStore(file)
    const one = registration("edge-1")
    store.clusters.put(one)
    for (const suffix of ["", "-wal", "-shm"]) expect(statSync(file + suffix).mode & 0o777).toBe(0o600)
    store.close()
    const again = openStore(file)
    expect(again.clusters.find("edge-1")).toEqual(one)
    again.close()
  })

  test("of a newer relay is refused, and so is another program's", () => {
    openStore(file).close()
    const newer = new Database(file)
    newer.run(`PRAGMA user_version = ${schemaVersion + 1}`)
    newer.close()
    expect(() => openStore(file)).toThrow(DatabaseUnusable)
    const foreign = join(directory, "foreign.db")
    const other = new Database(foreign, { create: true })
    other.run("CREATE TABLE things (name TEXT)")
    other.close()
    expect(() => openStore(foreign)).toThrow("another program")
  })

  test("keeps the schema version of a newer program when an older one that still runs checks its health", () => {
    const store = openStore(file)
    const newer = new Database(file)
    newer.run(`PRAGMA user_version = ${schemaVersion + 1}`)
    store.checkWritable()
    expect(newer.query("PRAGMA user_version").get()).toEqual({ user_version: schemaVersion + 1 })
    newer.close()
    store.close()
  })

  test("that another program has locked is not writable, and waiting for it ends when it was said to", () => {
    const store = openStore(file, { busyMillis: 20 })
    const other = new Database(file)
    other.run("BEGIN IMMEDIATE")
    const begun = performance.now()
    expect(() => store.callers.revoke("iss", "sub", now)).toThrow("locked")
    expect(() => store.checkWritable()).toThrow(DatabaseUnusable)
    expect(performance.now() - begun).toBeLessThan(3_000)
    expect(store.callers.has("iss", "sub")).toBe(false)
    other.close()
    store.close()
  })

  test("of a folder that is not there says so", () => {
    expect(() => openStore(join(directory, "no", "relay.db"))).toThrow(DatabaseUnusable)
  })

  test("shows that another connection has written", () => {
    const [a, b] = [openStore(file), openStore(file)]
    const before = a.dataVersion()
    expect(a.dataVersion()).toBe(before)
    b.callers.revoke("iss", "sub", now)
    expect(a.dataVersion()).not.toBe(before)
    expect(a.callers.has("iss", "sub")).toBe(true)
    a.close()
    b.close()
  })

  test("takes back all of a change that fails", () => {
    const store = openStore(file)
    expect(() =>
      store.write(() => {
        store.clusters.put(registration("edge-1"))
        throw new Error("in the middle")
      }),
    ).toThrow("in the middle")
    expect(store.clusters.find("edge-1")).toBeUndefined()
    store.close()
  })

  test("spends a token once, whoever asks through whatever connection", () => {
    const [a, b] = [openStore(file), openStore(file)]
    a.tokens.add("token", { cluster: "edge-1", replaces: false, expiresAt: new Date(now.getTime() + 1) }, now)
    expect(b.tokens.spend("token", "edge-2", "k", now)).toBeUndefined()
    expect(b.tokens.spend("token", "edge-1", "k", now)?.spentBy).toBe("k")
    expect(a.tokens.spend("token", "edge-1", "k", now)).toBeUndefined()
    a.close()
    b.close()
  })

  test("killed while writing loses nothing that was acknowledged and keeps token and registration together", async () => {
    const writer = spawn(process.execPath, [join(import.meta.dir, "..", "testing", "writeUntilKilled.ts"), file], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    const acknowledged: string[] = []
    const enough = Promise.withResolvers<void>()
    createInterface({ input: writer.stdout }).on("line", (line) => {
      acknowledged.push(line)
      if (acknowledged.length === 100) enough.resolve()
    })
    const ended = new Promise((resolve) => writer.once("close", resolve))
    await enough.promise
    writer.kill("SIGKILL")
    await ended
    const store = openStore(file)
    for (const name of acknowledged) expect(store.clusters.find(name)).toBeDefined()
    const spent = store.tokens.all().filter(({ spentAt }) => spentAt !== undefined)
    expect(spent.map(({ cluster }) => cluster).sort()).toEqual(store.clusters.all().map(({ name }) => name))
    store.checkWritable()
    store.close()
  })
})
