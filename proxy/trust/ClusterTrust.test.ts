/** Whoever has stolen a retired identity key, and works with the relay, against clients that remember and clients that are told a pin. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { KeyObject } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ClusterDocument, signDocument, successionSignature } from "../../protocol/document.ts"
import { newKey, type Pin, pinOf, spkiOf } from "../../protocol/keys.ts"
import { newMaterial } from "../../protocol/material.ts"
import type { RelayClient } from "../relay/RelayClient.ts"
import { ClusterTrust } from "./ClusterTrust.ts"
import { KnownClusters } from "./KnownClusters.ts"

const relayUrl = "https://relay.example.com"
const cluster = "edge-1"
const material = await newMaterial({ cluster, relayUrl, audiences: {}, rootDays: 2, leafDays: 1, now: new Date() })

let directory: string
let known: KnownClusters
/** What the relay hands out. */
let shown: string
let serial = material.document.serial
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-trust-"))
  known = new KnownClusters(join(directory, "known-clusters.json"))
})
afterEach(() => rm(directory, { recursive: true }))

const pin = (key: KeyObject) => pinOf(spkiOf(key))
/** A document of this identity, newer than all before; `after` has signed it as its successor. */
const documentOf = (identityKey: KeyObject, after?: KeyObject, change: Partial<ClusterDocument> = {}) => {
  serial += 1
  const key = spkiOf(identityKey)
  const previousIdentity =
    after === undefined ? {} : { previousIdentity: { key: spkiOf(after), signature: successionSignature(after, key) } }
  return signDocument({ ...material.document, identityKey: key, serial, ...previousIdentity, ...change }, identityKey)
}
const relay = {
  relay: relayUrl,
  connectionInformation: async () => ({ document: shown, agentSessions: 1 }),
} as unknown as RelayClient
const client = (givenPin?: Pin) =>
  ClusterTrust.establish({ cluster, relay, known, givenPin, acceptNewPin: true, confirm: undefined })
/** The pin that is trusted, or the cause of the refusal. */
const outcome = (trust: Promise<ClusterTrust>): Promise<string> =>
  trust.then(
    ({ document }) => pinOf(document.identityKey),
    ({ cause }) => cause,
  )
const remembered = async () => await known.find(relayUrl, cluster)

describe("an identity that another one took over from", () => {
  const [first, second, third] = [newKey(), newKey(), newKey()]
  const retire = async () => {
    shown = documentOf(first)
    expect(await outcome(client(pin(first)))).toBe(pin(first))
    shown = documentOf(second, first)
    expect(await outcome(client(pin(first)))).toBe(pin(second))
  }

  test("is not trusted again in a new document, whatever pin is given, and the memory stays", async () => {
    await retire()
    const before = await remembered()
    expect(before).toMatchObject({ pin: pin(second), formerPins: [pin(first)] })
    shown = documentOf(first)
    for (const given of [undefined, pin(first), pin(second)]) {
      expect(await outcome(client(given))).toBe("IdentityRetired")
      expect(await remembered()).toEqual(before)
    }
  })
  test("cannot name another successor, for a user who still gives its pin", async () => {
    await retire()
    shown = documentOf(third, first)
    for (const given of [undefined, pin(first), pin(second)])
      expect(await outcome(client(given))).toBe("IdentityChanged")
    expect(await remembered()).toMatchObject({ pin: pin(second) })
  })
  test("is a good pin all the same: it is followed to its successor each time, and to the successor's", async () => {
    await retire()
    shown = documentOf(second, first)
    for (let time = 0; time < 2; time += 1) expect(await outcome(client(pin(first)))).toBe(pin(second))
    shown = documentOf(third, second)
    expect(await outcome(client(pin(first)))).toBe(pin(third))
    expect(await remembered()).toMatchObject({ pin: pin(third), formerPins: [pin(second), pin(first)] })
    for (const key of [first, second]) {
      shown = documentOf(key)
      expect(await outcome(client(pin(key)))).toBe("IdentityRetired")
    }
  })
  test("stays retired when the user gives the new pin, or one that has nothing to do with either", async () => {
    await retire()
    const rebuilt = newKey()
    shown = documentOf(rebuilt)
    expect(await outcome(client(pin(rebuilt)))).toBe(pin(rebuilt))
    shown = documentOf(second, first)
    expect(await outcome(client(pin(second)))).toBe(pin(second))
    shown = documentOf(first)
    expect(await outcome(client(pin(first)))).toBe("IdentityRetired")
  })
  test("is known as retired to a client that came after the succession", async () => {
    shown = documentOf(second, first)
    expect(await outcome(client(pin(second)))).toBe(pin(second))
    shown = documentOf(first)
    expect(await outcome(client(pin(first)))).toBe("IdentityRetired")
  })
  test("is not retired by a succession that it never signed", async () => {
    shown = documentOf(first)
    await client(pin(first))
    const signature = Buffer.alloc(64).toString("base64url")
    shown = documentOf(second, undefined, { previousIdentity: { key: spkiOf(first), signature } })
    expect(await outcome(client(pin(second)))).toBe(pin(second))
    shown = documentOf(first)
    expect(await outcome(client(pin(first)))).toBe(pin(first))
  })
  test("cannot come back by a signature of its successor either", async () => {
    await retire()
    shown = documentOf(first, second)
    for (const given of [undefined, pin(first), pin(second)])
      expect(await outcome(client(given))).toBe("IdentityRetired")
  })
  test("is refused at a refresh of a running client, and the trusted document stays", async () => {
    await retire()
    shown = documentOf(second, first)
    const trust = await client(pin(first))
    shown = documentOf(first)
    await expect(trust.refresh()).rejects.toMatchObject({ _tag: "RefusedByPolicy", cause: "IdentityRetired" })
    expect(pinOf(trust.document.identityKey)).toBe(pin(second))
  })
  test("is refused in a running client too when another program has seen the succession", async () => {
    shown = documentOf(first)
    const trust = await client(pin(first))
    await retire()
    shown = documentOf(first)
    await expect(trust.refresh()).rejects.toMatchObject({ cause: "IdentityRetired" })
    shown = documentOf(second, first)
    expect(pinOf((await trust.refresh()).identityKey)).toBe(pin(second))
  })
  test("comes back when the user removes the entry that the refusal names, and only then", async () => {
    await retire()
    shown = documentOf(first)
    const refused = await client(pin(first)).catch((error: Error) => error)
    expect(refused).toMatchObject({ _tag: "RefusedByPolicy", hop: "relay" })
    const { message } = refused as Error
    for (const said of [known.path, `"${relayUrl} ${cluster}"`, pin(first), pin(second), ".status.identityPin"])
      expect(message).toContain(said)
    const contents = JSON.parse(await readFile(known.path, "utf8"))
    delete contents.clusters[`${relayUrl} ${cluster}`]
    await writeFile(known.path, JSON.stringify(contents))
    expect(await outcome(client(pin(first)))).toBe(pin(first))
  })
})
