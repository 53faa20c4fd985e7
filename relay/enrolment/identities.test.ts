import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { Either } from "effect"
import { signDocument, successionSignature } from "../../protocol/document.ts"
import { operatorSignature } from "../../protocol/enrolment.ts"
import { newKey, spkiOf } from "../../protocol/keys.ts"
import type { ClusterMaterial } from "../../protocol/material.ts"
import { nonceHeader, path, signatureHeader } from "../../protocol/names.ts"
import { Administration } from "../admin/Administration.ts"
import { importRegistrations } from "../admin/transfer.ts"
import type { RegistrationEntry } from "../store/RegistrationEntry.ts"
import { TestAgent } from "../testing/TestAgent.ts"
import { publicUrl, startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { OperatorNonces } from "./OperatorNonces.ts"
import { callByDocument } from "./operatorCall.ts"
import { Registry } from "./Registry.ts"

let relay: TestRelay
let admin: Administration
beforeEach(async () => {
  relay = await startTestRelay()
  admin = new Administration(relay.store, relay.time.wall, { by: "command", user: "test" })
})
afterEach(() => relay[Symbol.asyncDispose]())

const newer = (material: ClusterMaterial, by = 1, changes: Partial<ClusterMaterial["document"]> = {}) =>
  signDocument({ ...material.document, serial: material.document.serial + by, ...changes }, material.identityKey)

const registryWith = (clusters: readonly { name: string; identityKey: string; document?: string }[]) =>
  new Registry({
    store: relay.store,
    publicUrl,
    configured: () => clusters,
    now: relay.time.wall,
    onChange: () => {},
  })

describe("identities", () => {
  test("a stranger's document spends no nonce, so that strangers cannot use them up", async () => {
    const stranger = await relay.cluster("edge-1", false)
    const nonces = new OperatorNonces(relay.time.monotonic)
    const nonce = nonces.issue()
    const call = { nonce, cluster: "edge-1", method: "PUT", path: path.document("edge-1") }
    const body = Buffer.from(stranger.signedDocument)
    const signature = operatorSignature(stranger.identityKey, { ...call, relayUrl: publicUrl, body })
    const verdict = callByDocument(registryWith([]), nonces, { ...call, body, signature })
    expect(Either.isLeft(verdict) && verdict.left._tag).toBe("IdentityNotRegistered")
    expect(nonces.isFresh(nonce)).toBe(true)
    const headers = { [nonceHeader]: nonce, [signatureHeader]: signature }
    expect((await relay.call("PUT", call.path, { headers, body: String(body) })).cause).toBe("IdentityNotRegistered")
  })

  test("a key listed before a cluster was registered cannot take it over afterwards", async () => {
    const thief = await relay.cluster("edge-1", false)
    const owner = await relay.cluster("edge-1", false)
    admin.listKey("edge-1", thief.document.identityKey)
    admin.listKey("edge-1", owner.document.identityKey)
    await TestAgent.open(relay.ws, owner)
    expect(relay.store.clusters.listedKeys("edge-1")).toEqual([owner.document.identityKey])
    admin.listKey("edge-2", thief.document.identityKey)
    const { identityKey } = owner.document
    const actor = { by: "command", user: "test" } as const
    const file = { clusters: [{ name: "edge-2", identityKey }] }
    importRegistrations(relay.store, file, { publicUrl, now: relay.time.wall(), actor })
    expect(relay.store.clusters.listedKeys("edge-2")).toEqual([])
    const takeover = newer(thief, 1_000)
    await expect(TestAgent.open(relay.ws, { ...thief, signedDocument: takeover })).rejects.toThrow(
      "IdentityNotRegistered",
    )
  })

  test("an import from a relay with another URL takes the identity and leaves the document, and a newer one for this relay is admitted", async () => {
    const there = await relay.cluster("edge-1", false)
    const { identityKey } = there.document
    const elsewhere = newer(there, 5, { relayUrl: "https://old.example.com" })
    const bring = (clusters: readonly RegistrationEntry[]) =>
      importRegistrations(
        relay.store,
        { clusters },
        { publicUrl, now: relay.time.wall(), actor: { by: "command", user: "test" } },
      )
    const entry = { name: "edge-1", identityKey, document: elsewhere }
    expect(bring([entry])).toEqual({
      ...{ added: ["edge-1"], updated: [], unchanged: [], refused: [] },
      withoutDocument: [
        { name: "edge-1", reason: `its document is for relay https://old.example.com, not for ${publicUrl}` },
      ],
    })
    expect(bring([entry])).toMatchObject({ unchanged: ["edge-1"], withoutDocument: [] })
    // Of a time when the cluster was at this relay before.
    await expect(TestAgent.open(relay.ws, there)).rejects.toThrow("SessionKeyNotListed")
    await TestAgent.open(relay.ws, { ...there, signedDocument: newer(there, 6) })
    expect(bring([{ ...entry, document: newer(there, 9, { relayUrl: "https://old.example.com" }) }])).toMatchObject({
      unchanged: ["edge-1"],
    })
    expect(relay.store.clusters.find("edge-1")?.document).toBe(newer(there, 6))
    const stranger = await relay.cluster("edge-2", false)
    expect(bring([{ name: "edge-2", identityKey: stranger.document.identityKey, document: elsewhere }])).toMatchObject({
      added: [],
      refused: [{ name: "edge-2" }],
    })
  })

  test("a document cannot bar a key by naming it as its predecessor without that key's signature", async () => {
    const material = await relay.cluster("edge-1")
    const rescue = await relay.cluster("edge-1", false)
    const barring = newer(material, 1, {
      previousIdentity: {
        key: rescue.document.identityKey,
        signature: successionSignature(material.identityKey, material.document.identityKey),
      },
    })
    await TestAgent.open(relay.ws, { ...material, signedDocument: barring })
    expect(relay.store.clusters.isRetired("edge-1", rescue.document.identityKey)).toBe(false)
    const { identityKey } = rescue.document
    relay.configure({ clusters: [{ name: "edge-1", identityKey }] })
    await TestAgent.open(relay.ws, { ...rescue, signedDocument: newer(rescue, 9) })
  })

  test("a configured document is not undercut by an older one when the database was lost", async () => {
    const material = await relay.cluster("edge-1", false)
    const { identityKey } = material.document
    const rotated = newer(material, 5, { sessionKeys: [spkiOf(newKey())] })
    relay.configure({ clusters: [{ name: "edge-1", identityKey, document: rotated }] })
    await expect(TestAgent.open(relay.ws, material)).rejects.toThrow("SessionKeyNotListed")
    expect(relay.store.clusters.find("edge-1")).toBeUndefined()
  })

  test("a configured document that is newer than the database's is the one in force", async () => {
    const material = await relay.cluster("edge-1")
    const { identityKey } = material.document
    const document = newer(material, 5)
    expect(registryWith([{ name: "edge-1", identityKey, document }]).registration("edge-1")?.document).toBe(document)
  })

  test("a retired identity does not come back from the configuration when its successor deregisters", async () => {
    const material = await relay.cluster("edge-1", false)
    const { identityKey } = material.document
    relay.store.clusters.retire("edge-1", identityKey)
    const configured = [{ name: "edge-1", identityKey, document: material.signedDocument }]
    expect(registryWith(configured).registration("edge-1")).toBeUndefined()
    relay.configure({ clusters: configured })
    await expect(TestAgent.open(relay.ws, material)).rejects.toThrow("IdentityNotRegistered")
  })

  test("thousands of configured names are asked for without reading the list each time", () => {
    const clusters = Array.from({ length: 5_000 }, (_, index) => ({ name: `c-${index}`, identityKey: "key" }))
    let read = 0
    const counted = new Proxy(clusters, {
      get: (target, key, receiver) => {
        read += 1
        return Reflect.get(target, key, receiver)
      },
    })
    const registry = registryWith(counted)
    for (const name of registry.names()) expect(registry.isKnown(name)).toBe(true)
    expect(read).toBeLessThan(3 * clusters.length)
  })
})
