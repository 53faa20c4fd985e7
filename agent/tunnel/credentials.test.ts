import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { signDocument } from "../../protocol/document.ts"
import { keyToPem, newKey } from "../../protocol/keys.ts"
import { newMaterial } from "../../protocol/material.ts"
import { CredentialsInvalid, readCredentials, sameCredentials } from "./credentials.ts"

const directory = mkdtempSync(join(tmpdir(), "credentials-"))
afterAll(() => rmSync(directory, { recursive: true }))
const relayUrl = "https://relay.example.com"
const material = await newMaterial({
  cluster: "edge-1",
  relayUrl,
  audiences: {},
  rootDays: 2,
  leafDays: 1,
  now: new Date(),
})
const files = (key: string, document: string) => {
  const folder = mkdtempSync(join(directory, "set-"))
  const at = { sessionKeyFile: join(folder, "session.key"), documentFile: join(folder, "document") }
  writeFileSync(at.sessionKeyFile, key)
  writeFileSync(at.documentFile, document)
  return at
}
const pem = keyToPem(material.sessionKey)
const good = files(pem, `${material.signedDocument}\n`)
const plain = files(
  pem,
  signDocument({ ...material.document, relayUrl: "http://relay.example.com" }, material.identityKey),
)

test("a session key and the document that lists it are credentials", async () => {
  const credentials = await readCredentials(good, { cluster: "edge-1", relayUrl })
  expect(credentials.document).toEqual(material.document)
  expect(credentials.documentText).toBe(material.signedDocument)
  expect(sameCredentials(credentials, await readCredentials(good, {}))).toBe(true)
})

describe("refused are", () => {
  const [payload = "", signature = ""] = material.signedDocument.split(".")
  test.each([
    ["a document for another cluster", good, { cluster: "edge-2" }, "it is for cluster edge-1"],
    ["a document for another relay", good, { relayUrl: "https://other" }, "it is for relay https://relay.example.com"],
    ["a document for a relay in plain text", plain, {}, "expected https"],
    ["a session key that is not listed", files(keyToPem(newKey()), material.signedDocument), {}, "does not list"],
    ["a key that is none", files("secret-text", material.signedDocument), {}, "expected a PEM private key"],
    [
      "a document that was changed",
      files(pem, `${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`),
      {},
      "SignatureWrong",
    ],
    ["a missing file", { ...good, documentFile: "/nowhere/document" }, {}, "there is no such file"],
  ] as const)("%s", async (_, at, expected, detail) => {
    const error = await readCredentials(at, expected).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CredentialsInvalid)
    expect((error as Error).message).toContain(detail)
    expect((error as Error).message).not.toContain("secret-text")
  })
})
