import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Keyring } from "./keyring.ts"
import { type Session, Sessions } from "./Sessions.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-sessions-"))
})
afterEach(() => rm(directory, { recursive: true }))

const session: Session = { issuer: "https://idp.example", clientId: "c", refreshToken: "the-refresh-token", tokens: {} }
const memoryKeyring = (): Keyring & { readonly kept: Map<string, string> } => {
  const kept = new Map<string, string>()
  return { kept, get: async (name) => kept.get(name), set: async (name, value) => void kept.set(name, value) }
}
const absent: Keyring = {
  get: () => Promise.reject(new Error("no keyring")),
  set: () => Promise.reject(new Error("no keyring")),
}
const file = () => join(directory, "work.json")
const keep = (sessions: Sessions, one = session, profile = "work") =>
  sessions.held(profile, ({ replace }) => replace(one))

describe("a kept login", () => {
  test("is sealed where there is a keyring, which holds one key and no token", async () => {
    const keyring = memoryKeyring()
    await keep(new Sessions(directory, keyring))
    expect(await readFile(file(), "utf8")).not.toContain("the-refresh-token")
    expect([...keyring.kept.values()].join()).toHaveLength(43)
    expect(await new Sessions(directory, keyring).peek("work")).toEqual(session)
  })
  test("is a file of mode 0600 where there is none", async () => {
    await keep(new Sessions(directory, absent))
    expect((await stat(file())).mode & 0o777).toBe(0o600)
    expect(await new Sessions(directory, undefined).peek("work")).toEqual(session)
  })
  test("that was sealed is refused without its key, and never replaced by nothing", async () => {
    await keep(new Sessions(directory, memoryKeyring()))
    for (const keyring of [memoryKeyring(), absent, undefined])
      await expect(new Sessions(directory, keyring).peek("work")).rejects.toThrow("cannot be opened")
  })
  test("that was sealed is sealed again with the same key, though the keyring fails after it was opened", async () => {
    const keyring = memoryKeyring()
    await keep(new Sessions(directory, keyring))
    let asked = 0
    const once: Keyring = { ...keyring, get: (name) => (asked++ === 0 ? keyring.get(name) : absent.get(name)) }
    const kept = await new Sessions(directory, once).held("work", async ({ read, replace }) => {
      const opened = await read()
      return await replace({ ...session, subject: opened?.issuer ?? "" })
    })
    expect(kept).toBe("sealed")
    expect(await new Sessions(directory, keyring).peek("work")).toEqual({ ...session, subject: session.issuer })
  })
  test("that was sealed is never made plain by a keyring that fails or is locked, nor is its key replaced", async () => {
    const keyring = memoryKeyring()
    await keep(new Sessions(directory, keyring))
    const before = await readFile(file(), "utf8")
    const given: string[] = []
    const locked: Keyring = { get: async () => undefined, set: async (name) => void given.push(name) }
    for (const unusable of [absent, locked]) {
      await expect(keep(new Sessions(directory, unusable))).rejects.toMatchObject({ cause: "SessionSealed" })
      // Another profile's is kept as it can be, and the caller is told.
      expect(await keep(new Sessions(directory, unusable), session, "other")).toBe("plain")
    }
    expect([await readFile(file(), "utf8"), given]).toEqual([before, []])
    expect(await new Sessions(directory, keyring).peek("work")).toEqual(session)
    // The user's own word.
    expect(await keep(new Sessions(directory, undefined))).toBe("plain")
  })
  test("says how it is kept, and is found without any settings", async () => {
    expect(await new Sessions(join(directory, "none"), undefined).profiles()).toEqual([])
    expect(await keep(new Sessions(directory, absent))).toBe("plain")
    expect(await keep(new Sessions(directory, memoryKeyring()))).toBe("sealed")
    expect(await new Sessions(directory, absent).profiles()).toEqual(["work"])
  })
  test("cannot be moved to another profile or changed", async () => {
    const keyring = memoryKeyring()
    const sessions = new Sessions(directory, keyring)
    await keep(sessions)
    const { sealed } = JSON.parse(await readFile(file(), "utf8")) as { sealed: string }
    await writeFile(join(directory, "other.json"), JSON.stringify({ version: 1, sealed }))
    await expect(sessions.peek("other")).rejects.toThrow("cannot be opened")
    const changed = `${sealed.slice(0, -2)}${sealed.endsWith("AA") ? "BB" : "AA"}`
    await writeFile(file(), JSON.stringify({ version: 1, sealed: changed }))
    await expect(sessions.peek("work")).rejects.toThrow("cannot be opened")
  })
  test("of another form is named, not overwritten in silence", async () => {
    await writeFile(file(), "{}")
    await expect(new Sessions(directory, undefined).peek("work")).rejects.toThrow("log in again")
  })
})
