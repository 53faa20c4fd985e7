import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import * as fc from "fast-check"
import { newRoot } from "./certificates.ts"
import {
  type ClusterDocument,
  identityFollows,
  maxDocumentBytes,
  nextSerial,
  openDocument,
  signDocument,
  successionSignature,
  trustDocument,
} from "./document.ts"
import { newKey, pinOf, signatureOf, spkiOf } from "./keys.ts"

const identity = newKey()
const root = (await newRoot("edge-1", 10, new Date())).certificatePem
const document: ClusterDocument = {
  clusterName: "edge-1",
  relayUrl: "https://relay.example.com",
  identityKey: spkiOf(identity),
  sessionKeys: [spkiOf(newKey())],
  roots: [root],
  audiences: { "https://idp.example.com": "clusterconnect:relay.example.com/edge-1" },
  serial: 1000,
}
const text = signDocument(document, identity)
const expected = { pin: pinOf(spkiOf(identity)), clusterName: "edge-1", relayUrl: "https://relay.example.com" }

/** A document as somebody would write it who does not use our signer. */
const forged = (fields: unknown, key = identity, context = "clusterconnect.dev/v1/cluster-document") => {
  const payload = Buffer.from(JSON.stringify(fields))
  return `${payload.toString("base64url")}.${signatureOf(key, context as never, payload)}`
}
const verdict = (candidate: string, expectation: Parameters<typeof trustDocument>[1] = expected) =>
  Either.match(trustDocument(candidate, expectation), { onLeft: ({ reason }) => reason, onRight: () => "trusted" })

describe("a cluster document", () => {
  test("that is genuine is trusted, also with a line end around it", () => {
    expect(trustDocument(text, expected)).toEqual(Either.right(document))
    expect(verdict(`${text}\n`)).toBe("trusted")
  })
  test("may hold fields that a newer operator adds", () => {
    expect(verdict(forged({ ...document, added: { later: true } }))).toBe("trusted")
  })
  test("may name an audience as long as the resource takes", () => {
    const audiences = { "https://idp.example.com": "\u{1f511}".repeat(512) }
    expect(verdict(forged({ ...document, audiences }))).toBe("trusted")
  })
  test("keeps an issuer named __proto__ from being anything but an issuer", () => {
    const json = JSON.stringify(document).replace('"https://idp.example.com"', '"__proto__"')
    const payload = Buffer.from(json)
    const signed = `${payload.toString("base64url")}.${signatureOf(identity, "clusterconnect.dev/v1/cluster-document", payload)}`
    const opened = Either.getOrUndefined(openDocument(signed))
    expect(Object.getPrototypeOf(opened?.audiences)).toBe(Object.prototype)
  })
})

describe("S22: refused is a document", () => {
  test("of another identity, however well it is signed", () => {
    const thief = newKey()
    expect(verdict(forged({ ...document, identityKey: spkiOf(thief) }, thief))).toBe("IdentityChanged")
  })
  test("that names the pinned identity and is signed by another", () => {
    expect(verdict(forged(document, newKey()))).toBe("SignatureWrong")
  })
  test("that is older than one that was seen", () => {
    expect(verdict(text, { ...expected, serial: 1001 })).toBe("SerialLower")
    expect(verdict(text, { ...expected, serial: 1000 })).toBe("trusted")
    expect(verdict(text, { ...expected, serial: 999 })).toBe("trusted")
  })
  test("for another relay", () => {
    expect(verdict(forged({ ...document, relayUrl: "https://evil.example.com" }))).toBe("RelayUrlDiffers")
    expect(verdict(text, { ...expected, relayUrl: "https://relay.example.com:8443" })).toBe("RelayUrlDiffers")
  })
  test("for another cluster", () => {
    expect(verdict(forged({ ...document, clusterName: "edge-2" }))).toBe("ClusterNameDiffers")
  })
  test("whose signature was made for another purpose", () => {
    for (const context of ["identity-succession", "control-session", "join", "operator-call"])
      expect(verdict(forged(document, identity, `clusterconnect.dev/v1/${context}`))).toBe("SignatureWrong")
  })
  test("with any bit changed, anywhere", () => {
    const [payload = "", signature = ""] = text.split(".")
    const parts = [Buffer.from(payload, "base64url"), Buffer.from(signature, "base64url")] as const
    fc.assert(
      fc.property(fc.constantFrom(0, 1), fc.nat(), fc.integer({ min: 0, max: 7 }), (part, at, bit) => {
        const changed = parts.map((bytes) => Buffer.from(bytes))
        const bytes = changed[part]!
        const index = at % bytes.length
        bytes[index] = bytes[index]! ^ (1 << bit)
        const said = verdict(changed.map((one) => one.toString("base64url")).join("."))
        expect(["SignatureWrong", "Malformed"]).toContain(said)
      }),
      { numRuns: 300 },
    )
  })
  test("cut anywhere, or with anything added", () => {
    for (const cut of [0, 1, 10, text.indexOf("."), text.indexOf(".") + 1, text.length - 1])
      expect(verdict(text.slice(0, cut))).not.toBe("trusted")
    for (const more of ["A", "=", ".", ".AAAA", " x"]) expect(verdict(text + more)).not.toBe("trusted")
  })
  test("that is no document at all", () => {
    fc.assert(fc.property(fc.string(), (anything) => verdict(anything) === "Malformed"))
  })
  test("larger than the limit, before anything is decoded", () => {
    expect(verdict(`${"A".repeat(maxDocumentBytes)}.${"A".repeat(86)}`)).toBe("Malformed")
  })
})

describe("a signed document of the wrong shape is refused:", () => {
  const spki = spkiOf(newKey())
  test.each([
    ["no session key", { sessionKeys: [] }],
    ["three session keys", { sessionKeys: [spki, spki, spki] }],
    ["no root", { roots: [] }],
    ["five roots", { roots: Array(5).fill(root) }],
    ["a root that is no certificate", { roots: ["x"] }],
    ["a relay URL with a path", { relayUrl: "https://relay.example.com/x" }],
    ["a relay URL that is not normalised", { relayUrl: "https://RELAY.example.com" }],
    ["a name that is none", { clusterName: "Edge" }],
    ["an empty audience", { audiences: { "https://idp": "" } }],
    ["an audience of 513 characters", { audiences: { "https://idp": "\u{1f511}".repeat(513) } }],
    ["65 issuers", { audiences: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`https://${n}`, "a"])) }],
    ["serial 0", { serial: 0 }],
    ["a fractional serial", { serial: 1.5 }],
    ["a serial beyond exact integers", { serial: 2 ** 53 }],
    ["a session key that is no key", { sessionKeys: ["AAAA"] }],
  ])("%s; and our signer does not make one", (_, change) => {
    const wrong = { ...document, ...change } as ClusterDocument
    expect(verdict(forged(wrong))).toBe("Malformed")
    expect(() => signDocument(wrong, identity)).toThrow(TypeError)
  })
})

describe("an identity that took over", () => {
  const next = newKey()
  const successor: ClusterDocument = {
    ...document,
    identityKey: spkiOf(next),
    previousIdentity: { key: spkiOf(identity), signature: successionSignature(identity, spkiOf(next)) },
    serial: 1001,
  }
  test("is followed from the pinned one, and pinned itself it needs no predecessor", () => {
    expect(verdict(signDocument(successor, next))).toBe("trusted")
    expect(verdict(signDocument(successor, next), { ...expected, pin: pinOf(spkiOf(next)) })).toBe("trusted")
  })
  test("is not followed backwards: the old key's documents end with its pin", () => {
    expect(verdict(text, { ...expected, pin: pinOf(spkiOf(next)) })).toBe("IdentityChanged")
  })
  test("is refused when the old key signed for another successor", () => {
    const signature = successionSignature(identity, spkiOf(newKey()))
    const stolen = { ...successor, previousIdentity: { key: spkiOf(identity), signature } }
    expect(verdict(signDocument(stolen, next))).toBe("IdentityChanged")
  })
  test("is refused when somebody else signed, or the signature was made for another purpose", () => {
    const thief = newKey()
    const bytes = Buffer.from(spkiOf(next), "base64url")
    const signatures = [
      successionSignature(thief, spkiOf(next)),
      signatureOf(identity, "clusterconnect.dev/v1/cluster-document", bytes),
    ]
    for (const signature of signatures) {
      const claimed = { ...successor, previousIdentity: { key: spkiOf(identity), signature } }
      expect(verdict(signDocument(claimed, next))).toBe("IdentityChanged")
    }
  })
  test("is not followed over two steps: one of the two identities must be known", () => {
    const third = newKey()
    const grandchild = {
      ...document,
      identityKey: spkiOf(third),
      previousIdentity: { key: spkiOf(next), signature: successionSignature(next, spkiOf(third)) },
    }
    expect(identityFollows(grandchild, (key) => key === spkiOf(identity))).toBe(false)
    expect(identityFollows(grandchild, (key) => key === spkiOf(next))).toBe(true)
  })
})

test("nobody signs a document that names another identity", () => {
  expect(() => signDocument(document, newKey())).toThrow("names another identity key")
})

test("a serial always grows, with the clock where that is ahead", () => {
  expect(nextSerial(1_700_000_000_999)).toBe(1_700_000_000)
  expect(nextSerial(1_700_000_000_000, 1_800_000_000)).toBe(1_800_000_001)
  fc.assert(fc.property(fc.nat(), fc.nat(), (now, previous) => nextSerial(now, previous) > previous))
})
