import { describe, expect, test } from "bun:test"
import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto"
import * as fc from "fast-check"
import {
  isPin,
  isSpki,
  jwkOf,
  keyFromPem,
  keyToPem,
  newKey,
  pinOf,
  publicKeyOf,
  type SignatureContext,
  signatureHolds,
  signatureOf,
  spkiFromJwk,
  spkiOf,
} from "./keys.ts"

const contexts: readonly SignatureContext[] = [
  "clusterconnect.dev/v1/cluster-document",
  "clusterconnect.dev/v1/identity-succession",
  "clusterconnect.dev/v1/control-session",
  "clusterconnect.dev/v1/join",
  "clusterconnect.dev/v1/operator-call",
]
const key = newKey()
const spki = spkiOf(key)

describe("private keys", () => {
  test("come back from PEM as they were", () => {
    expect(spkiOf(keyFromPem(keyToPem(key)))).toBe(spki)
  })
  test.each([
    ["a key of another kind", generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey],
    ["an X25519 key", generateKeyPairSync("x25519").privateKey],
  ])("are not %s", (_, other) => {
    expect(() => keyFromPem(other.export({ type: "pkcs8", format: "pem" }) as string)).toThrow("expected an Ed25519")
  })
  test("are not public keys, garbage or nothing, and the error quotes none of it", () => {
    const publicPem = createPublicKey(key).export({ type: "spki", format: "pem" }) as string
    for (const text of [publicPem, "garbage-that-may-be-a-secret", "", keyToPem(key).slice(0, 60)]) {
      expect(() => keyFromPem(text)).toThrow("expected a PEM private key (PKCS #8)")
    }
  })
})

describe("an SPKI", () => {
  test("is 44 bytes in one spelling", () => {
    const bytes = Buffer.from(spki, "base64url")
    expect(bytes.length).toBe(44)
    expect(spkiOf(publicKeyOf(spki))).toBe(spki)
    const otherSpellings = [
      `${spki}=`,
      ` ${spki}`,
      `${spki}\n`,
      bytes.toString("base64"),
      spki.slice(0, -1),
      `${spki}A`,
    ]
    for (const text of otherSpellings.filter((text) => text !== spki)) expect(isSpki(text)).toBe(false)
  })
  test("is not that of another algorithm", () => {
    const other = generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "der" })
    expect(other.length).toBe(44)
    expect(isSpki(other.toString("base64url"))).toBe(false)
  })
  test("is never any other string", () => {
    fc.assert(fc.property(fc.string(), (text) => !isSpki(text)))
  })
})

describe("the pin", () => {
  test("is the SHA-256 of the SPKI's DER", () => {
    const der = createPublicKey(key).export({ type: "spki", format: "der" })
    expect(pinOf(spki)).toBe(`sha256:${createHash("sha256").update(der).digest("hex")}`)
    expect(isPin(pinOf(spki))).toBe(true)
  })
  test.each([
    "",
    "sha256:",
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(63)}`,
    `sha256:${"a".repeat(64)}\n`,
    "a".repeat(64),
  ])("is not %p", (text) => {
    expect(isPin(text)).toBe(false)
  })
})

describe("a public JWK", () => {
  test("and the SPKI say the same key", () => {
    expect(spkiFromJwk(jwkOf(spki))).toBe(spki)
    expect(jwkOf(spki)).toEqual(createPublicKey(key).export({ format: "jwk" }) as never)
  })
  test("with a private part is refused, and the part is not shown", () => {
    const jwk = key.export({ format: "jwk" })
    expect(() => spkiFromJwk(jwk)).toThrow("found a private one")
    expect(() => spkiFromJwk(jwk)).not.toThrow(String(jwk.d))
  })
  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a string", "x"],
    ["another curve", { ...jwkOf(spki), crv: "X25519" }],
    ["another type", { ...jwkOf(spki), kty: "EC" }],
    ["no x", { kty: "OKP", crv: "Ed25519" }],
    ["a short x", { ...jwkOf(spki), x: "AAAA" }],
    ["another spelling of x", { ...jwkOf(spki), x: `${jwkOf(spki).x}=` }],
  ])("is not %s", (_, jwk) => {
    expect(() => spkiFromJwk(jwk)).toThrow("expected a public JWK")
  })
})

describe("a signature", () => {
  test("holds for its key, context and payload, and for no other", () => {
    const other = spkiOf(newKey())
    fc.assert(
      fc.property(
        fc.constantFrom(...contexts),
        fc.constantFrom(...contexts),
        fc.uint8Array({ maxLength: 64 }),
        fc.uint8Array({ maxLength: 64 }),
        (context, otherContext, payload, otherPayload) => {
          const signature = signatureOf(key, context, payload)
          const same = Buffer.compare(payload, otherPayload) === 0
          expect(signatureHolds(spki, context, payload, signature)).toBe(true)
          expect(signatureHolds(spki, context, otherPayload, signature)).toBe(same)
          expect(signatureHolds(spki, otherContext, payload, signature)).toBe(context === otherContext)
          expect(signatureHolds(other, context, payload, signature)).toBe(false)
        },
      ),
      { numRuns: 50 },
    )
  })
  test("cannot borrow bytes from the payload for its context", () => {
    // No context is the beginning of another one followed by the NUL that separates it from the payload.
    for (const a of contexts) for (const b of contexts) expect(a !== b && b.startsWith(`${a}\0`)).toBe(false)
  })
  test("has one spelling, and garbage is false, not an error", () => {
    const payload = Buffer.from("payload")
    const [context] = contexts
    const signature = signatureOf(key, context!, payload)
    for (const text of [
      "",
      "x",
      `${signature}=`,
      `${signature}\n`,
      ` ${signature}`,
      signature.slice(0, -2),
      `${signature}AA`,
    ])
      expect(signatureHolds(spki, context!, payload, text)).toBe(false)
    expect(signatureHolds("not a key", context!, payload, signature)).toBe(false)
  })
})
