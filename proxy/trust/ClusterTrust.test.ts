/** Whoever has stolen a retired identity key, and works with the relay, against clients that remember and clients that are told a pin. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { KeyObject } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ClusterDocument, signDocument, successionSignature } from "../../protocol/document.ts"
import { newKey, type Pin, pinOf, spkiOf } from "../../protocol/keys.ts"
import { newMaterial } from "../../protocol/material.ts"
import { RefusedByPolicy } from "../failures.ts"
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
  describe("when the user has given another pin meanwhile, whose identity neither signed nor was signed", () => {
    const stranger = newKey()
    const stray = async () => {
      await retire()
      shown = documentOf(stranger)
      expect(await outcome(client(pin(stranger)))).toBe(pin(stranger))
    }
    test("stands for its own successor: that one is trusted by the old pin, the stranger is not", async () => {
      await stray()
      expect(await outcome(client(pin(first)))).toBe("IdentityChanged")
      for (const after of [first, undefined]) {
        shown = documentOf(second, after)
        expect(await outcome(client(pin(first)))).toBe(pin(second))
        shown = documentOf(stranger)
        expect(await outcome(client(pin(first)))).toBe("IdentityChanged")
        expect(await outcome(client(pin(stranger)))).toBe(pin(stranger))
      }
    })
    test("stands for its successor's successor too, and cannot name another one", async () => {
      await retire()
      shown = documentOf(third, second)
      expect(await outcome(client(pin(first)))).toBe(pin(third))
      shown = documentOf(stranger)
      expect(await outcome(client(pin(stranger)))).toBe(pin(stranger))
      shown = documentOf(newKey(), first)
      expect(await outcome(client(pin(first)))).toBe("IdentityChanged")
      shown = documentOf(third)
      expect(await outcome(client(pin(first)))).toBe(pin(third))
    })
    test("stays retired itself", async () => {
      await stray()
      shown = documentOf(first)
      for (const given of [undefined, pin(first), pin(second), pin(stranger)])
        expect(await outcome(client(given))).toBe("IdentityRetired")
    })
    test("without a word of its successor, as an earlier version wrote, nobody is followed from it until its successor is given", async () => {
      await stray()
      const contents = JSON.parse(await readFile(known.path, "utf8"))
      delete contents.clusters[`${relayUrl} ${cluster}`].successors
      await writeFile(known.path, JSON.stringify(contents))
      expect(await outcome(client(pin(first)))).toBe("IdentityChanged")
      shown = documentOf(first)
      expect(await outcome(client(pin(first)))).toBe("IdentityRetired")
      shown = documentOf(second, first)
      expect(await outcome(client(pin(first)))).toBe("IdentityRetired")
      expect(await outcome(client(pin(second)))).toBe(pin(second))
      expect(await outcome(client(pin(first)))).toBe(pin(second))
    })
  })
  test("stands for the one that the user's own word says, where it has signed a thief's too", async () => {
    const thief = newKey()
    shown = documentOf(first)
    await client(pin(first))
    shown = documentOf(thief, first)
    expect(await outcome(client(pin(first)))).toBe(pin(thief))
    shown = documentOf(second, first)
    expect(await outcome(client(pin(second)))).toBe(pin(second))
    expect(await outcome(client(pin(first)))).toBe(pin(second))
    shown = documentOf(thief, first)
    expect(await outcome(client(pin(first)))).toBe("IdentityChanged")
  })
  test("is not forgotten because a stranger names made-up predecessors, and neither is the next one that is retired", async () => {
    await retire()
    const stranger = newKey()
    for (let made = 0; made < 20; made += 1) {
      shown = documentOf(stranger, newKey())
      expect(await outcome(client(pin(stranger)))).toBe(pin(stranger))
    }
    const next = newKey()
    shown = documentOf(next, stranger)
    expect(await outcome(client(pin(stranger)))).toBe(pin(next))
    for (const key of [first, stranger]) {
      shown = documentOf(key)
      expect(await outcome(client(pin(key)))).toBe("IdentityRetired")
    }
  })
  test("is retired for whoever was given its pin, however many made-up ones are known by then", async () => {
    const stranger = newKey()
    for (let made = 0; made < 10; made += 1) {
      shown = documentOf(stranger, newKey())
      await client(pin(stranger))
    }
    shown = documentOf(second, first)
    expect(await outcome(client(pin(first)))).toBe(pin(second))
    shown = documentOf(first)
    expect(await outcome(client(pin(first)))).toBe("IdentityRetired")
  })
  test("is remembered for good: when there is room for no more, the next succession is refused, and the memory stays", async () => {
    let last = first
    shown = documentOf(last)
    expect(await outcome(client(pin(first)))).toBe(pin(first))
    for (let time = 0; time < 64; time += 1) {
      const next = newKey()
      shown = documentOf(next, last)
      expect(await outcome(client(pin(first)))).toBe(pin(next))
      last = next
    }
    const before = await remembered()
    shown = documentOf(newKey(), last)
    const refused = await client(pin(first)).catch((error: Error) => error)
    expect(refused).toMatchObject({ _tag: "RefusedByPolicy", cause: "TooManySuccessions" })
    expect((refused as Error).message).toContain(known.path)
    expect(await remembered()).toEqual(before)
    shown = documentOf(last)
    expect(await outcome(client(pin(first)))).toBe(pin(last))
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

test("an older document is refused also where the given pin is the one before the remembered identity", async () => {
  const [before, now] = [newKey(), newKey()]
  const old = documentOf(now, before)
  shown = documentOf(now)
  await client(pin(now))
  shown = old
  expect(await outcome(client(pin(before)))).toBe("SerialLower")
})
test("a running client keeps to the identity that it began with, although another program was told another pin", async () => {
  const [own, stranger] = [newKey(), newKey()]
  shown = documentOf(own)
  const trust = await client()
  shown = documentOf(stranger)
  expect(await outcome(client(pin(stranger)))).toBe(pin(stranger))
  await expect(trust.refresh()).rejects.toMatchObject({ cause: "IdentityChanged" })
  shown = documentOf(own)
  expect(pinOf((await trust.refresh()).identityKey)).toBe(pin(own))
})
test("what a document names is remembered although its visit was refused: its cluster takes such tokens all the same", async () => {
  const own = newKey()
  shown = documentOf(own, undefined, { audiences: { "https://idp.example": "account" } })
  const onTrusted = async () => {
    throw new RefusedByPolicy({ hop: "proxy", cause: "AudienceNotOwn", detail: "" })
  }
  const options = { cluster, relay, known, givenPin: pin(own), acceptNewPin: false, confirm: undefined, onTrusted }
  expect(await outcome(ClusterTrust.establish(options))).toBe("AudienceNotOwn")
  expect(await remembered()).toMatchObject({ pin: pin(own), audiences: ["account"] })
})
