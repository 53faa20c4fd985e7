import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Profiles } from "./Profiles.ts"

let directory: string
let profiles: Profiles
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-profiles-"))
  profiles = new Profiles(join(directory, "configuration", "profiles.json"))
})
afterEach(() => rm(directory, { recursive: true }))
const relay = (name: string) => `https://${name}.example`
const save = (name: string, of = name) => profiles.save(name, () => ({ relay: relay(of) }))
const chosen = async (wanted: Parameters<Profiles["choose"]>[0]) => (await profiles.choose(wanted))?.name

describe("profiles", () => {
  test("are private to the user", async () => {
    await save("a")
    expect((await stat(profiles.path)).mode & 0o777).toBe(0o600)
  })
  test("the one that was saved last is used, unless another is named or belongs to the relay that is", async () => {
    expect(await chosen({})).toBeUndefined()
    await save("a")
    await save("b")
    expect(await chosen({})).toBe("b")
    expect(await chosen({ name: "a" })).toBe("a")
    expect(await chosen({ relay: relay("a") })).toBe("a")
    expect(await chosen({ relay: relay("c") })).toBeUndefined()
  })
  test("a name that is unknown, or is for another relay, is refused", async () => {
    await save("a")
    await expect(profiles.choose({ name: "x" })).rejects.toThrow("there is no profile x (known: a)")
    await expect(profiles.choose({ name: "constructor" })).rejects.toThrow("there is no profile")
    await expect(profiles.choose({ name: "a", relay: relay("b") })).rejects.toThrow("is for https://a.example")
    await expect(save("../x", "a")).rejects.toThrow("profile name")
  })
  test("an unknown key, wherever it stands, is an error that names it", async () => {
    await save("a")
    for (const [wrong, said] of [
      [{ version: 1, profiles: {}, profile: {} }, "profile"],
      [{ version: 1, profiles: { a: { relay: relay("a"), singleAudiense: true } } }, "singleAudiense"],
      [{ version: 1, profiles: { a: { relay: "http://a.example/path" } } }, "relay"],
      [{ version: 2, profiles: {} }, "version"],
    ] as const) {
      await writeFile(profiles.path, JSON.stringify(wrong))
      await expect(profiles.all()).rejects.toThrow(said)
    }
  })
  test("a renewal gets what somebody wrote meanwhile", async () => {
    await save("a")
    const seen: unknown[] = []
    await profiles.save("a", (now) => {
      seen.push(now)
      return { relay: relay("a"), clientId: "c" }
    })
    await profiles.save("a", (now) => ({ ...(now ?? { relay: relay("b") }), relayAudience: "r" }))
    await profiles.save("constructor", (now) => {
      seen.push(now)
      return { relay: relay("c") }
    })
    expect(seen).toEqual([{ relay: relay("a") }, undefined])
    expect((await profiles.all()).profiles.a).toEqual({ relay: relay("a"), clientId: "c", relayAudience: "r" })
  })
  test("written by many at once, none is lost", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `p${index}`)
    await Promise.all(names.map((name) => save(name)))
    expect(Object.keys((await profiles.all()).profiles).sort()).toEqual(names)
  })
})
