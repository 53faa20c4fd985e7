import { describe, expect, test } from "bun:test"
import type { KeyObject } from "node:crypto"
import { successionSignature } from "../../../../protocol/document.ts"
import { newKey, pinOf, spkiOf } from "../../../../protocol/keys.ts"
import { served, type TrustRange } from "../../range/TrustRange.ts"

/** S22: a cluster that is not the one that was pinned. */
export const clusterIdentity = (range: () => TrustRange): void => {
  test("S22: the honest cluster is served, else the refusals below would prove nothing", async () => {
    expect((await range().client()).said).toBe(served)
  })

  describe("S22: refused, with exit code 4 and before anything is sent to it:", () => {
    test("another identity key, though its document is well signed", async () => {
      const identityKey = newKey()
      range().far.publish({ identityKey: spkiOf(identityKey), serial: 2_000_000_000 }, identityKey)
      const { code, said } = await range().client()
      expect(code).toBe(4)
      expect(said).toContain("HAS CHANGED")
      expect((await range().client({ pin: pinOf(spkiOf(identityKey)) })).said).not.toContain("HAS CHANGED")
    })

    test("a succession that the pinned key never signed", async () => {
      const [identityKey, key] = [newKey(), spkiOf(range().honest.material.identityKey)]
      const forged = { key, signature: Buffer.alloc(64).toString("base64url") }
      range().far.publish(
        { identityKey: spkiOf(identityKey), previousIdentity: forged, serial: 2_000_000_000 },
        identityKey,
      )
      expect((await range().client()).code).toBe(4)
    })

    test("a replaced identity in a new document by whoever has its key, or a successor that only this one names", async () => {
      const home = range().newHome()
      const old = range().honest.material.identityKey
      expect((await range().client({ home })).said).toBe(served)
      const next = newKey()
      const succession = (to: KeyObject) => ({
        identityKey: spkiOf(to),
        previousIdentity: { key: spkiOf(old), signature: successionSignature(old, spkiOf(to)) },
      })
      const { serial } = range().honest.material.document
      range().far.publish({ ...succession(next), serial: serial + 1 }, next)
      expect((await range().client({ home })).said).toBe(served)
      range().beHonest()
      range().far.publish({ serial: 2_000_000_000 })
      // The pin of the profile, of a variable, of CI: still the old one, or the new one.
      for (const pin of [range().honest.material.pin, pinOf(spkiOf(next))]) {
        const { code, said } = await range().client({ home, pin })
        expect([code, said]).toEqual([4, expect.stringContaining("has signed a successor")])
      }
      const thiefs = newKey()
      range().far.publish({ ...succession(thiefs), serial: 2_000_000_001 }, thiefs)
      expect((await range().client({ home })).code).toBe(4)
      // And the cluster as it is now is served to a client that is still given the old pin.
      range().beHonest()
      range().far.publish({ ...succession(next), serial: serial + 1 }, next)
      expect((await range().client({ home })).said).toBe(served)
    }, 60_000)

    test("an older document than the one seen before", async () => {
      const home = range().newHome()
      range().far.publish({ serial: range().honest.material.document.serial + 10 })
      expect((await range().client({ home })).said).toBe(served)
      range().beHonest()
      const { code, said } = await range().client({ home })
      expect(code).toBe(4)
      expect(said).toContain("SerialLower")
    })

    test("a document of another cluster or for another relay, a changed one, none", async () => {
      range().far.publish({ clusterName: "another" })
      expect((await range().client()).code).toBe(4)
      range().beHonest()
      range().far.publish({ relayUrl: "https://another.example" })
      expect((await range().client()).code).toBe(4)
      const [payload = "", signature = ""] = range().honest.document.split(".")
      const changed = Buffer.from(payload, "base64url").toString().replace('"serial":1', '"serial":2')
      for (const document of [`${Buffer.from(changed).toString("base64url")}.${signature}`, `${payload}.`, "x"]) {
        range().far.document = document
        expect((await range().client()).code).toBe(4)
      }
    }, 60_000)
  })

  test("S22: a certificate that is not under the document's roots, or for another cluster, ends before the token is sent", async () => {
    await range().far.rotate(false)
    const before = range().far.requests.length
    const unrooted = await range().client()
    expect([unrooted.code === 0, unrooted.said === served]).toEqual([false, false])
    await range().far.serveAs("another")
    expect((await range().client()).code).not.toBe(0)
    expect(range().far.requests.length).toBe(before)
    await range().far.serveAs(range().far.cluster)
    expect((await range().client()).said).toBe(served)
  }, 60_000)
}
