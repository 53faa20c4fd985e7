import { expect, test } from "bun:test"
import { Either } from "effect"
import { trustDocument } from "./document.ts"
import { newKey, pinOf, spkiOf } from "./keys.ts"
import { type MaterialRequest, newMaterial } from "./material.ts"

const request: MaterialRequest = {
  cluster: "edge-1",
  relayUrl: "https://relay.example.com",
  audiences: { "https://idp.example.com": "clusterconnect:relay.example.com/edge-1" },
  rootDays: 20,
  leafDays: 10,
  now: new Date("2026-05-01T00:00:00Z"),
}

test("new material is a document that a client with the pin trusts, and the keys that it names", async () => {
  const { document, signedDocument, pin, sessionKey, identityKey, root } = await newMaterial(request)
  const trusted = trustDocument(signedDocument, { pin, clusterName: "edge-1", relayUrl: request.relayUrl })
  expect(trusted).toEqual(Either.right(document))
  expect(document).toEqual({
    clusterName: "edge-1",
    relayUrl: request.relayUrl,
    identityKey: spkiOf(identityKey),
    sessionKeys: [spkiOf(sessionKey)],
    roots: [root.certificatePem],
    audiences: request.audiences,
    serial: 1_777_593_600,
  })
})

test("a given identity key is kept, and all else is new each time", async () => {
  const identityKey = newKey()
  const [one, two] = await Promise.all([
    newMaterial({ ...request, identityKey }),
    newMaterial({ ...request, identityKey }),
  ])
  expect(one.pin).toBe(pinOf(spkiOf(identityKey)))
  expect(two.pin).toBe(one.pin)
  expect(spkiOf(two.sessionKey)).not.toBe(spkiOf(one.sessionKey))
  expect(two.root.keyPem).not.toBe(one.root.keyPem)
})

test("the session key is not the identity key", async () => {
  const { identityKey, sessionKey } = await newMaterial(request)
  expect(spkiOf(sessionKey)).not.toBe(spkiOf(identityKey))
})
