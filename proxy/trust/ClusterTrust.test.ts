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
/** Each of these has signed the next one, and was pinned here. */
const line = (...keys: readonly KeyObject[]) =>
  Object.fromEntries(
    keys.slice(1).map((next, index) => [pin(keys[index] ?? next), { successor: pin(next), pinned: true }]),
  )
/** As the user does, whom a refusal tells so. */
const removeEntry = async () => {
  const contents = JSON.parse(await readFile(known.path, "utf8"))
  delete contents.clusters[`${relayUrl} ${cluster}`]
  await writeFile(known.path, JSON.stringify(contents))
}

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
    expect(before).toMatchObject({ pin: pin(second), retired: line(first, second) })
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
    expect(await remembered()).toMatchObject({ pin: pin(third), retired: line(first, second, third) })
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
  test("stands for that one also while a program that follows the thief's goes on", async () => {
    const thief = newKey()
    shown = documentOf(first)
    await client(pin(first))
    shown = documentOf(thief, first)
    const misled = await client()
    shown = documentOf(second, first)
    expect(await outcome(client(pin(second)))).toBe(pin(second))
    shown = documentOf(thief, first)
    await misled.refresh()
    expect(await remembered()).toMatchObject({ pin: pin(second), retired: line(first, second) })
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
  test("is retired by what a given pin's document shows, however many that were pinned are retired by then", async () => {
    let last = first
    shown = documentOf(last)
    await client(pin(first))
    for (let time = 0; time < 8; time += 1) {
      const next = newKey()
      shown = documentOf(next, last)
      expect(await outcome(client(pin(first)))).toBe(pin(next))
      last = next
    }
    const [missed, now] = [newKey(), newKey()]
    shown = documentOf(now, missed)
    expect(await outcome(client(pin(now)))).toBe(pin(now))
    shown = documentOf(missed)
    expect(await outcome(client(pin(missed)))).toBe("IdentityRetired")
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
    await removeEntry()
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
describe("while a client runs, the user's later word stands in the memory", () => {
  const [own, next, stranger] = [newKey(), newKey(), newKey()]
  test("a running client keeps to the identity that it began with, although another program was told another pin", async () => {
    shown = documentOf(own)
    const trust = await client()
    shown = documentOf(stranger)
    expect(await outcome(client(pin(stranger)))).toBe(pin(stranger))
    const told = await remembered()
    await expect(trust.refresh()).rejects.toMatchObject({ cause: "IdentityChanged" })
    shown = documentOf(own, undefined, { audiences: { "https://idp.example": "own" } })
    expect(pinOf((await trust.refresh()).identityKey)).toBe(pin(own))
    expect(await remembered()).toEqual({ ...told, audiences: ["own"] } as never)
    expect(await outcome(client())).toBe("IdentityChanged")
  })
  test("a successor that it follows is remembered as such, and not in that pin's place", async () => {
    shown = documentOf(own)
    const trust = await client()
    shown = documentOf(stranger)
    await client(pin(stranger))
    shown = documentOf(next, own)
    expect(pinOf((await trust.refresh()).identityKey)).toBe(pin(next))
    expect(await remembered()).toMatchObject({ pin: pin(stranger), retired: line(own, next) })
    shown = documentOf(own)
    expect(await outcome(client(pin(own)))).toBe("IdentityRetired")
  })
  test("an entry that the user removed to go back to an identity does not come back, nor is that one retired again", async () => {
    shown = documentOf(own)
    await client(pin(own))
    shown = documentOf(next, own)
    const trust = await client()
    await removeEntry()
    const refreshed = async () => {
      shown = documentOf(next, own)
      return pinOf((await trust.refresh()).identityKey)
    }
    expect(await refreshed()).toBe(pin(next))
    expect(await remembered()).toBeUndefined()
    shown = documentOf(own)
    expect(await outcome(client(pin(own)))).toBe(pin(own))
    const told = await remembered()
    expect(await refreshed()).toBe(pin(next))
    expect(await remembered()).toEqual(told)
    shown = documentOf(own)
    for (const given of [undefined, pin(own)]) expect(await outcome(client(given))).toBe(pin(own))
  })
  test("a succession that it sees only after the entry was removed is remembered all the same", async () => {
    shown = documentOf(own)
    const trust = await client(pin(own))
    await removeEntry()
    shown = documentOf(next, own)
    await trust.refresh()
    expect(await remembered()).toMatchObject({ pin: pin(next), retired: line(own, next) })
  })
  test("a start that goes by what is remembered leaves a pin that was given meanwhile, and an entry that was removed", async () => {
    const during = (meanwhile: () => Promise<unknown>) => {
      const options = { cluster, relay, known, givenPin: undefined, acceptNewPin: false, confirm: undefined }
      return ClusterTrust.establish({
        ...options,
        onTrusted: async () => {
          await meanwhile()
        },
      })
    }
    shown = documentOf(own)
    await client(pin(own))
    expect(await outcome(during(removeEntry))).toBe(pin(own))
    expect(await remembered()).toBeUndefined()
    await client(pin(own))
    const told = async () => {
      shown = documentOf(stranger)
      await client(pin(stranger))
    }
    expect(await outcome(during(told))).toBe(pin(own))
    expect(await remembered()).toMatchObject({ pin: pin(stranger) })
  })
  test("a start that accepts whatever the relay shows leaves a pin that was given meanwhile", async () => {
    shown = documentOf(own)
    const accepting = ClusterTrust.establish({
      ...{ cluster, relay, known, givenPin: undefined, acceptNewPin: true, confirm: undefined },
      onTrusted: async () => {
        shown = documentOf(stranger)
        await client(pin(stranger))
      },
    })
    expect(await outcome(accepting)).toBe(pin(own))
    expect(await remembered()).toMatchObject({ pin: pin(stranger) })
  })
})
test("a running client takes no older document than the one that it holds, whatever the memory says by then", async () => {
  const [own, stranger] = [newKey(), newKey()]
  const old = documentOf(own)
  shown = documentOf(own)
  const trust = await client(pin(own))
  await removeEntry()
  shown = old
  await expect(trust.refresh()).rejects.toMatchObject({ cause: "SerialLower" })
  shown = documentOf(stranger)
  await client(pin(stranger))
  shown = old
  await expect(trust.refresh()).rejects.toMatchObject({ cause: "SerialLower" })
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
