import { afterAll, describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseAllDocuments } from "yaml"

const directory = mkdtempSync(join(tmpdir(), "init-command-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Programs of their own start slowly on a machine that is busy. */
const programMillis = 60_000

const run = (...args: string[]) =>
  new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [join(import.meta.dir, "..", "main.ts"), "init", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH },
    })
    const [out, err] = [[] as Buffer[], [] as Buffer[]]
    child.stdout.on("data", (chunk) => out.push(chunk))
    child.stderr.on("data", (chunk) => err.push(chunk))
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    )
  })
const flags = (dir: string) => ["--cluster", "edge-1", "--relay", "https://relay.example.com", "--dir", dir]

describe("the init command", () => {
  test(
    "prints the pin, the key to list and the administrator's command, and no secret",
    async () => {
      const { code, stdout, stderr } = await run(...flags(join(directory, "a")))
      expect([code, stderr]).toEqual([0, ""])
      expect(stdout).toMatch(/sha256:[0-9a-f]{64}/)
      expect(stdout).toMatch(/\{"kty":"OKP","crv":"Ed25519","x":"[A-Za-z0-9_-]{43}"\}/)
      expect(stdout).toContain("clusterconnect-relay cluster ")
      expect(stdout).not.toContain("PRIVATE")
    },
    programMillis,
  )

  test(
    "run again says that nothing was changed, and prints the same pin",
    async () => {
      const pin = (text: string) => text.match(/sha256:[0-9a-f]{64}/)?.[0]
      const first = await run(...flags(join(directory, "b")))
      const again = await run(...flags(join(directory, "b")))
      expect(again.code).toBe(0)
      expect(again.stdout).toContain("Nothing was changed")
      expect(pin(again.stdout)).toBe(pin(first.stdout))
    },
    programMillis,
  )

  test(
    "with --print-rbac alone prints YAML and makes nothing",
    async () => {
      const { code, stdout, stderr } = await run("--print-rbac", "--mode", "Legacy", "--profile", "ReadOnly")
      expect([code, stderr]).toEqual([0, ""])
      expect(parseAllDocuments(stdout).length).toBe(7)
      expect(stdout).toContain("name: clusterconnect-impersonate-legacy-readonly\nsubjects:")
    },
    programMillis,
  )

  test(
    "with --print-rbac and a directory keeps stdout YAML",
    async () => {
      const dir = join(directory, "c")
      const { code, stdout, stderr } = await run(...flags(dir), "--print-rbac")
      expect(code).toBe(0)
      expect(
        parseAllDocuments(stdout).every((document) => !("errors" in document) || document.errors.length === 0),
      ).toBe(true)
      expect(stderr).toContain("identity pin")
      expect(statSync(join(dir, "identity.key")).mode & 0o777).toBe(0o600)
    },
    programMillis,
  )

  test(
    "names the flag that is missing and where the help is, exit 2",
    async () => {
      const { code, stderr } = await run("--cluster", "edge-1")
      expect(code).toBe(2)
      expect(stderr).toBe("clusterconnect-agent init: --relay URL is missing (see clusterconnect-agent init --help)\n")
    },
    programMillis,
  )

  test(
    "says of a value that cannot be used what was expected, exit 2",
    async () => {
      const { code, stderr } = await run(...flags(join(directory, "d")), "--issuer", "http://idp.example.com")
      expect(code).toBe(2)
      expect(stderr).toBe(
        "clusterconnect-agent init: --issuer http://idp.example.com: expected https://…[=AUDIENCE], an audience of 1 to 512 characters (see clusterconnect-agent init --help)\n",
      )
    },
    programMillis,
  )

  test(
    "says in plain text why it could not do its work, exit 1",
    async () => {
      const dir = join(directory, "e")
      await run(...flags(dir))
      const { code, stderr } = await run(...flags(dir), "--cluster", "edge-2")
      expect(code).toBe(2)
      const other = await run("--cluster", "edge-2", "--relay", "https://relay.example.com", "--dir", dir)
      expect(other.code).toBe(1)
      expect(other.stderr).toStartWith("clusterconnect-agent: ")
      expect(other.stderr).toContain("it belongs to cluster edge-1")
      expect(stderr).toContain("--cluster is given twice")
    },
    programMillis,
  )
})
