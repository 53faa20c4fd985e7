import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { allowedKeys } from "./latestRelease.ts"
import { SignatureInvalid, verifySshSignature } from "./sshSignature.ts"
import { type UpdateQuestion, updateNotice } from "./updateNotice.ts"

let folder: string
let server: http.Server
let relay: string
let signers: string
let publicKeys: readonly string[]
/** What the relay serves below /download/, and how often it was asked. */
let files: Record<string, string> = {}
let asked = 0

const sign = async (text: string, namespace = "clusterconnect-release"): Promise<string> => {
  const path = join(folder, "to-sign")
  await writeFile(path, text)
  const words = ["-Y", "sign", "-q", "-f", join(folder, "key"), "-n", namespace, path]
  await rm(`${path}.sig`, { force: true })
  const signed = spawnSync("ssh-keygen", words)
  if (signed.status !== 0) throw new Error(String(signed.stderr))
  return await readFile(`${path}.sig`, "utf8")
}

const release = async (version: string): Promise<void> => {
  const text = `${version}\n`
  const sums = `${createHash("sha256").update(text).digest("hex")}  version.txt\n`
  files = { "version.txt": text, SHA256SUMS: sums, "SHA256SUMS.sig": await sign(sums) }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "update-"))
  const made = spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(folder, "key")])
  if (made.status !== 0) throw new Error(String(made.stderr))
  signers = join(folder, "allowed_signers")
  await writeFile(signers, `release@clusterconnect.dev ${await readFile(join(folder, "key.pub"), "utf8")}`)
  publicKeys = allowedKeys(await readFile(signers, "utf8"))
  server = http.createServer((request, response) => {
    asked++
    const text = files[(request.url ?? "").replace("/download/", "")]
    if (text === undefined) return void response.writeHead(404, { "content-length": 0 }).end()
    response.writeHead(200, { "content-length": Buffer.byteLength(text) }).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  relay = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

describe("an SSH signature", () => {
  test("is accepted exactly as ssh-keygen made it, and refused with any byte of it or of the message changed", async () => {
    const message = Buffer.from("the list\n")
    const signature = await sign(message.toString())
    const check = (file: string, bytes: Uint8Array = message, keys = publicKeys) =>
      verifySshSignature(bytes, file, "clusterconnect-release", keys)
    check(signature)
    expect(() => check(signature, Buffer.from("the lust\n"))).toThrow(SignatureInvalid)
    expect(() => check(signature, message, [])).toThrow("not a release key")
    expect(() => check("")).toThrow(SignatureInvalid)
    const [, base64 = ""] = /-----BEGIN SSH SIGNATURE-----([^-]+)-----END/.exec(signature) ?? []
    const blob = Buffer.from(base64, "base64")
    for (let at = 0; at < blob.length; at++) {
      const changed = Buffer.from(blob)
      changed[at] = (changed[at] ?? 0) ^ 1
      const file = `-----BEGIN SSH SIGNATURE-----\n${changed.toString("base64")}\n-----END SSH SIGNATURE-----\n`
      expect(() => check(file)).toThrow()
    }
    const cut = `-----BEGIN SSH SIGNATURE-----\n${blob.subarray(0, -1).toString("base64")}\n-----END SSH SIGNATURE-----\n`
    expect(() => check(cut)).toThrow(SignatureInvalid)
  })
})

describe("the notice of an update", () => {
  const question = async (change: Partial<UpdateQuestion> = {}): Promise<UpdateQuestion> => ({
    relay,
    route: {},
    running: "1.0.0",
    publicKeys,
    state: await mkdtemp(join(folder, "state-")),
    environment: {},
    nowMillis: 1_000_000_000_000,
    ...change,
  })
  beforeEach(() => {
    asked = 0
  })
  test("names a newer signed version, and the relay is asked again only after a day", async () => {
    await release("1.1.0")
    const first = await question()
    expect(await updateNotice(first)).toContain("clusterconnect 1.1.0 is out (this is 1.0.0)")
    const before = asked
    expect(await updateNotice({ ...first, nowMillis: first.nowMillis + 86_399_000 })).toBeUndefined()
    expect(asked).toBe(before)
    expect(await updateNotice({ ...first, nowMillis: first.nowMillis + 86_400_000 })).toContain("1.1.0")
  })
  test("is silent for the same or an older version, without a release there, without a relay there", async () => {
    await release("1.0.0")
    expect(await updateNotice(await question())).toBeUndefined()
    expect(await updateNotice(await question({ running: "2.0.0" }))).toBeUndefined()
    files = {}
    expect(await updateNotice(await question())).toBeUndefined()
    expect(await updateNotice(await question({ relay: "http://127.0.0.1:1" }))).toBeUndefined()
  })
  test("asks nobody when it is switched off, and in CI", async () => {
    for (const environment of [{ CLUSTERCONNECT_UPDATE_CHECK: "off" }, { CI: "true" }])
      expect(await updateNotice(await question({ environment }))).toBeUndefined()
    expect(asked).toBe(0)
  })
  test("warns, and names no version, when what is offered is not signed", async () => {
    await release("9.9.9")
    files.SHA256SUMS = `${createHash("sha256").update("9.9.8\n").digest("hex")}  version.txt\n`
    files["version.txt"] = "9.9.8\n"
    const said = await updateNotice(await question())
    expect(said).toContain("Do not install")
    expect(said).not.toContain("9.9")
    await release("9.9.9")
    files["version.txt"] = "9.9.8\n"
    expect(await updateNotice(await question())).toContain("Do not install")
  })
})

describe("clusterconnect version --check", () => {
  const check = async (keys: string = signers) => {
    const child = spawn(
      process.execPath,
      [join(import.meta.dir, "..", "main.ts"), "version", "--check", "--relay", relay],
      {
        env: { PATH: process.env.PATH ?? "", HOME: folder, NO_COLOR: "1", CLUSTERCONNECT_ALLOWED_SIGNERS: keys },
      },
    )
    let said = ""
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        said += chunk
      })
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
    return { code, said }
  }
  test("says what is newer, and exits with 0", async () => {
    await release("999.0.0")
    const { code, said } = await check()
    expect(said).toContain("has clusterconnect 999.0.0, signed by a release key")
    expect(code).toBe(0)
  })
  test("exits with 4 when the keys of this program did not sign it", async () => {
    await release("999.0.0")
    const { code, said } = await check("")
    expect(said).toContain("do not install")
    expect(said).not.toContain("has clusterconnect")
    expect(code).toBe(4)
  })
  test("exits with 5 when the relay has no release", async () => {
    files = {}
    expect((await check()).code).toBe(5)
  })
})
