import { afterEach, describe, expect, test } from "bun:test"
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Either } from "effect"
import { materialFileNames, materialFrom } from "../../protocol/materialFiles.ts"
import { DirectoryRefused } from "./directory.ts"
import { audiencesOf, type InitRequest, initialise } from "./initialise.ts"

const made: string[] = []
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
})
const newDirectory = () => {
  const path = mkdtempSync(join(tmpdir(), "init-"))
  made.push(path)
  return path
}
const request = (dir: string, more: Partial<InitRequest> = {}): InitRequest => ({
  cluster: "edge-1",
  relay: "https://relay.example.com",
  dir,
  issuers: ["https://idp.example.com"],
  caFiles: [],
  ...more,
})
const run = (dir: string, more: Partial<InitRequest> = {}) => initialise(request(dir, more), {}, new Date())
const bytes = (dir: string) =>
  Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), "base64")]))
const refusal = async (work: Promise<unknown>) => {
  const error = await work.catch((error: unknown) => error)
  if (error instanceof DirectoryRefused) return error.reason
  return error instanceof Error ? error.message : "accepted"
}

describe("init", () => {
  test("makes all files, for the owner only, that belong together", async () => {
    const dir = join(newDirectory(), "deep", "edge-1")
    const { material, created } = await run(dir)
    expect(created).toBe(true)
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(dir)) expect([name, statSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o600])
    const files = Object.fromEntries(materialFileNames.map((name) => [name, readFileSync(join(dir, name), "utf8")]))
    expect(Either.getOrThrow(materialFrom(files as never)).pin).toBe(material.pin)
    expect(material.document.audiences).toEqual({
      "https://idp.example.com": "clusterconnect:relay.example.com/edge-1",
    })
  })

  test("makes files for the owner only also under a permissive umask", async () => {
    const before = process.umask(0)
    try {
      const dir = join(newDirectory(), "edge-1")
      await run(dir)
      for (const name of materialFileNames) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600)
    } finally {
      process.umask(before)
    }
  })

  test("makes files that another user of the machine cannot read", async () => {
    const dir = newDirectory()
    await run(dir)
    const { spawnSync } = await import("node:child_process")
    const key = join(dir, "identity.key")
    // Only root can become somebody else; for everyone the modes above say the same.
    const other = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const read = spawnSync("cat", [key], { ...other, encoding: "utf8" })
    expect(read.status === 0).toBe(process.getuid?.() !== 0)
  })

  test("run again changes no byte and says so", async () => {
    const dir = newDirectory()
    const first = await run(dir)
    const before = bytes(dir)
    const again = await run(dir)
    expect(again.created).toBe(false)
    expect(again.material.pin).toBe(first.material.pin)
    expect(bytes(dir)).toEqual(before)
  })

  test("run twice at once makes one material", async () => {
    const dir = newDirectory()
    const both = await Promise.all([run(dir), run(dir)])
    expect(both.map(({ created }) => created).sort()).toEqual([false, true])
    expect(new Set(both.map(({ material }) => material.signedDocument)).size).toBe(1)
  })

  test("gives a leaf that lives ten years, under a root that outlives it", async () => {
    const { material } = await run(newDirectory())
    const { X509Certificate } = await import("node:crypto")
    const ends = (pem: string) => Date.parse(new X509Certificate(pem).validTo)
    const years = (ends(material.leaf.certificatePem) - Date.now()) / (365.25 * 86_400_000)
    expect(years).toBeGreaterThan(9.99)
    expect(ends(material.root.certificatePem)).toBeGreaterThan(ends(material.leaf.certificatePem))
  })
})

describe("init refuses", () => {
  test.each(materialFileNames.map((name) => [name]))(
    "a half-made directory that lacks %s, and leaves it as it is",
    async (name) => {
      const dir = newDirectory()
      await run(dir)
      rmSync(join(dir, name))
      const before = bytes(dir)
      const error = await run(dir).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(DirectoryRefused)
      expect((error as DirectoryRefused).reason).toBe("HalfMade")
      expect((error as Error).message).toContain(`lacks ${name}`)
      expect(bytes(dir)).toEqual(before)
    },
  )
  test("files that do not belong together", async () => {
    const [one, two] = [newDirectory(), newDirectory()]
    await run(one)
    await run(two)
    writeFileSync(join(one, "session.key"), readFileSync(join(two, "session.key")))
    expect(await refusal(run(one))).toBe("Inconsistent")
  })
  test("another cluster, relay or audience than the directory's", async () => {
    const dir = newDirectory()
    await run(dir)
    expect(await refusal(run(dir, { cluster: "edge-2" }))).toBe("OtherCluster")
    expect(await refusal(run(dir, { relay: "https://other.example.com" }))).toBe("OtherCluster")
    expect(await refusal(run(dir, { issuers: ["https://idp.example.com=other"] }))).toBe("OtherCluster")
    expect(await refusal(run(dir, { issuers: [] }))).toBe("accepted")
  })
  test("a directory that holds other things, whose mode stays as it was", async () => {
    const dir = newDirectory()
    chmodSync(dir, 0o755)
    writeFileSync(join(dir, "notes.txt"), "mine")
    expect(await refusal(run(dir))).toBe("NotOurs")
    expect(statSync(dir).mode & 0o777).toBe(0o755)
  })
  test("a directory of keys that others could read", async () => {
    const dir = newDirectory()
    await run(dir)
    chmodSync(dir, 0o755)
    expect(await refusal(run(dir))).toBe("NotPrivate")
  })
  test("a file where the directory should be", async () => {
    const file = join(newDirectory(), "file")
    writeFileSync(file, "")
    expect(await refusal(run(file))).not.toBe("accepted")
  })
  test.each([
    ["a name that is none", { cluster: "Edge" }, "--cluster"],
    ["a relay with a path", { relay: "https://relay.example.com/x" }, "--relay"],
    ["a relay in plain text", { relay: "http://relay.example.com" }, "--relay: relay URL http://relay.example.com"],
    ["an issuer without https", { issuers: ["http://idp.example.com"] }, "--issuer"],
    ["a token file that is missing", { joinTokenFile: "/nowhere/token" }, "--join-token-file"],
    ["a CA file that is missing", { caFiles: ["/nowhere/ca"] }, "CA file"],
  ])("%s, before anything is made", async (_, more, named) => {
    const dir = join(newDirectory(), "edge-1")
    expect(await refusal(run(dir, more))).toContain(named)
    expect(() => statSync(dir)).toThrow()
  })
  test("a token file with more than one word, without showing it", async () => {
    const dir = newDirectory()
    const file = join(dir, "token")
    writeFileSync(file, "secret-one secret-two\n")
    mkdirSync(join(dir, "edge-1"))
    const said = await refusal(run(join(dir, "edge-1"), { joinTokenFile: file }))
    expect(said).toContain("expected one token on one line")
    expect(said).not.toContain("secret-one")
  })
})

test("an issuer takes the cluster's default audience or its own, in which = may occur", () => {
  expect(
    audiencesOf(["https://a", "https://b=x", "https://c=x=y"], "https://relay.example.com:8443", "edge-1"),
  ).toEqual({
    "https://a": "clusterconnect:relay.example.com:8443/edge-1",
    "https://b": "x",
    "https://c": "x=y",
  })
  for (const refused of ["", "x".repeat(513)])
    expect(() => audiencesOf([`https://a=${refused}`], "https://relay", "edge-1")).toThrow("--issuer")
})
