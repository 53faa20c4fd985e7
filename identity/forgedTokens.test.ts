import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { createHmac, createPublicKey } from "node:crypto"
import { Effect, Either } from "effect"
import fc from "fast-check"
import type { JwtEntry } from "./JwtEntry.ts"
import { makeTokenVerifier, type TokenVerifierOptions } from "./TokenVerifier.ts"
import { effectTest } from "./testing/effectTest.ts"
import { audience, type IssuerServer, keysPath, publicJwks, startIssuerServer } from "./testing/IssuerServer.ts"
import { keyFor, newSigningKeys, signCompact } from "./testing/signingKeys.ts"

let issuer: IssuerServer
beforeAll(async () => {
  issuer = await startIssuerServer()
})
afterEach(() => {
  issuer.answers.clear()
})
afterAll(() => issuer.stop())

const ready = (changes: Partial<TokenVerifierOptions> = {}) =>
  Effect.tap(makeTokenVerifier({ entries: [issuer.entry()], ...changes }), (verifier) => verifier.awaitReady)
const refusalOf = (token: string, changes?: Partial<TokenVerifierOptions>) =>
  Effect.flatMap(ready(changes), (verifier) => Effect.flip(verifier.verify(token)))
const segments = (token: string) => token.split(".") as [string, string, string]
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

describe("forged tokens (S5) are refused", () => {
  const all: Partial<JwtEntry> = { algorithms: ["RS256", "ES256", "ES384", "PS256", "EdDSA"] }
  effectTest("alg none", () =>
    Effect.gen(function* () {
      const [, payload] = segments(issuer.token())
      const refusal = yield* refusalOf(`${encoded({ alg: "none" })}.${payload}.AA`, { entries: [issuer.entry(all)] })
      expect(refusal._tag).toBe("TokenAlgorithmRefused")
    }),
  )
  effectTest("alg none without a signature", () =>
    Effect.gen(function* () {
      const [, payload] = segments(issuer.token())
      const refusal = yield* refusalOf(`${encoded({ alg: "none" })}.${payload}.`)
      expect(refusal._tag).toBe("TokenMalformed")
    }),
  )
  effectTest("HS256 with the issuer's public key as the secret", () =>
    Effect.gen(function* () {
      const [, payload] = segments(issuer.token())
      const { kid, privateKey } = issuer.keys.rsa
      const secret = createPublicKey(privateKey).export({ format: "pem", type: "spki" })
      const input = `${encoded({ alg: "HS256", kid })}.${payload}`
      const mac = createHmac("sha256", secret).update(input).digest("base64url")
      const refusal = yield* refusalOf(`${input}.${mac}`, { entries: [issuer.entry(all)] })
      expect(refusal._tag).toBe("TokenAlgorithmRefused")
    }),
  )
  effectTest("an algorithm that this entry does not allow, though the issuer has such a key", () =>
    Effect.gen(function* () {
      const refusal = yield* refusalOf(issuer.token({}, { alg: "ES256" }))
      expect(refusal._tag).toBe("TokenAlgorithmRefused")
    }),
  )
  effectTest("an algorithm that does not fit the key that kid names", () =>
    Effect.gen(function* () {
      const { kid } = issuer.keys.p256
      const refusal = yield* refusalOf(issuer.token({}, { header: { kid } }), { entries: [issuer.entry(all)] })
      expect(refusal._tag).toBe("TokenKeyUnknown")
    }),
  )
  for (const kid of ["../../../../dev/null", "/etc/passwd", "' OR 1=1", "__proto__"])
    effectTest(`a kid of ${kid}`, () =>
      Effect.gen(function* () {
        const refusal = yield* refusalOf(issuer.token({}, { keys: newSigningKeys(), header: { kid } }))
        expect(refusal._tag).toBe("TokenKeyUnknown")
      }),
    )
  effectTest("a kid that is no string", () =>
    Effect.gen(function* () {
      const refusal = yield* refusalOf(issuer.token({}, { header: { kid: ["a"] } }))
      expect(refusal._tag).toBe("TokenMalformed")
    }),
  )
  for (const member of ["jku", "x5u"])
    effectTest(`${member} that points to the forger's keys, which are never fetched`, () =>
      Effect.gen(function* () {
        const forger = yield* Effect.acquireRelease(Effect.promise(startIssuerServer), (it) => Effect.promise(it.stop))
        const header = { [member]: `${forger.url}${keysPath}` }
        const refusal = yield* refusalOf(issuer.token({}, { keys: forger.keys, header }))
        expect(refusal._tag).toBe("TokenKeyUnknown")
        expect(forger.hits.size).toBe(0)
      }),
    )
  effectTest("an embedded jwk, under the kid of a real key", () =>
    Effect.gen(function* () {
      const keys = newSigningKeys()
      const header = { kid: issuer.keys.rsa.kid, jwk: publicJwks(keys)[0] }
      const refusal = yield* refusalOf(issuer.token({}, { keys, header }))
      expect(refusal._tag).toBe("TokenSignatureInvalid")
    }),
  )
  for (const crit of [["exp"], [], ["b64"]])
    effectTest(`crit ${JSON.stringify(crit)}`, () =>
      Effect.gen(function* () {
        const refusal = yield* refusalOf(issuer.token({}, { header: { crit, b64: true } }))
        expect(refusal._tag).toBe("TokenCriticalHeader")
      }),
    )
  effectTest("a signature over other claims", () =>
    Effect.gen(function* () {
      const [header, , signature] = segments(issuer.token())
      const [, payload] = segments(issuer.token({ sub: "root" }))
      const refusal = yield* refusalOf(`${header}.${payload}.${signature}`)
      expect(refusal._tag).toBe("TokenSignatureInvalid")
    }),
  )
  for (const [where, header, payload] of [
    ["header", (text: string) => text.replace("{", '{"alg":"none",'), (text: string) => text],
    ["payload", (text: string) => text, (text: string) => text.replace("{", '{"sub":"root",')],
    [
      "payload, spelled with an escape",
      (text: string) => text,
      (text: string) => text.replace("{", '{"s\\u0075b":"r",'),
    ],
    ["payload, nested", (text: string) => text, (text: string) => text.replace("{", '{"a":[{"b":1,"b":2}],')],
  ] as const)
    effectTest(`a key that occurs twice in the ${where}, although the signature is genuine`, () =>
      Effect.gen(function* () {
        const [h, p] = segments(issuer.token()).map((part) => Buffer.from(part, "base64url").toString())
        const token = signCompact(header(h!), payload(p!), "RS256", keyFor(issuer.keys, "RS256").privateKey)
        const refusal = yield* refusalOf(token)
        expect(refusal._tag).toBe("TokenDuplicateKey")
      }),
    )
})

test("a genuine token with any one character changed is refused, or says exactly the same", async () => {
  const url = "https://idp.example.com"
  const entry = issuer.entry({ issuer: { url, audiences: [audience], jwks: { keys: publicJwks(issuer.keys) } } })
  const token = issuer.token({ iss: url })
  const character = fc.constantFrom(..."ABCXYZabcxyz0189-_.=+/ ")
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const verifier = yield* makeTokenVerifier({ entries: [entry] })
        const { claims } = yield* verifier.verify(token)
        const changed = fc.asyncProperty(fc.nat(token.length - 1), character, async (at, replacement) => {
          const forged = `${token.slice(0, at)}${replacement}${token.slice(at + 1)}`
          const result = await Effect.runPromise(Effect.either(verifier.verify(forged)))
          // The last character of the signature has bits that mean nothing.
          if (Either.isRight(result)) expect(result.right.claims).toEqual(claims)
        })
        yield* Effect.promise(() => fc.assert(changed, { numRuns: 300 }))
      }),
    ),
  )
})
