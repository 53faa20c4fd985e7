import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { jwkOf } from "../../protocol/keys.ts"
import { newMaterial } from "../../protocol/material.ts"
import { runRelay } from "../testing/RelayProgram.ts"
import { publicUrl } from "../testing/TestRelay.ts"

let directory: string
let config: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-commands-"))
  config = join(directory, "relay.yaml")
  writeFileSync(config, JSON.stringify({ publicUrl, listen: "127.0.0.1:0", database: join(directory, "relay.db") }))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe("a command that runs once", () => {
  test("says what failed in plain text on stderr, and exits 1", async () => {
    const missing = join(directory, "missing.yaml")
    const { code, stdout, stderr } = await runRelay(["token", "list", "--config", missing])
    expect([code, stdout]).toEqual([1, ""])
    expect(stderr).toStartWith("clusterconnect-relay: ")
    expect(stderr).toContain(missing)
  })

  test.each([
    ["a name that no cluster can have", ["token", "create", "Not_A_Name"], "lower-case letters"],
    ["a name that no cluster can have", ["cluster", "revoke", "Not_A_Name"], "lower-case letters"],
    ["a token that lives too long", ["token", "create", "edge-1", "--seconds", "1801"], "1 to 1800"],
    ["a key that is none", ["cluster", "add-key", "edge-1", "nonsense"], "expected a public Ed25519 JWK"],
  ])("exits 2 for %s, and names the command's help", async (_, words, reason) => {
    const { code, stdout, stderr } = await runRelay([...words, "--config", config])
    expect([code, stdout]).toEqual([2, ""])
    expect(stderr).toContain(reason)
    expect(stderr).toContain(`(see clusterconnect-relay ${words[0]} ${words[1]} --help)`)
  })
})

test("an import prints what became of every entry, and exits 1 when one was refused", async () => {
  const request = { cluster: "edge-1", audiences: {}, rootDays: 1, leafDays: 1, now: new Date() }
  const { document, signedDocument } = await newMaterial({ ...request, relayUrl: "https://old.example.com" })
  const identityKey = jwkOf(document.identityKey)
  const bring = (...clusters: readonly object[]) => {
    const file = join(directory, "clusters.json")
    writeFileSync(file, JSON.stringify({ clusters }))
    return runRelay(["cluster", "import", file, "--config", config])
  }
  const moved = await bring({ name: "edge-1", identityKey, document: signedDocument })
  expect([moved.code, moved.stderr]).toEqual([0, ""])
  expect(JSON.parse(moved.stdout)).toMatchObject({ added: ["edge-1"], withoutDocument: [{ name: "edge-1" }] })
  const mixed = await bring({ name: "edge-2", identityKey }, { name: "edge-3", identityKey, document: signedDocument })
  expect([mixed.code, mixed.stderr]).toEqual([1, "clusterconnect-relay: refused, for the reasons above: edge-3\n"])
  expect(JSON.parse(mixed.stdout)).toMatchObject({ added: ["edge-2"], refused: [{ name: "edge-3" }] })
})
