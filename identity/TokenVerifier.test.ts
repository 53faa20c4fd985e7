import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { Clock, Effect, Layer, TestClock } from "effect"
import { EntriesRefused } from "./entryFaults.ts"
import { makeTokenVerifier, TokenVerifier, type TokenVerifierOptions } from "./TokenVerifier.ts"
import { effectTest } from "./testing/effectTest.ts"
import { audience, type IssuerServer, keysPath, publicJwks, startIssuerServer } from "./testing/IssuerServer.ts"
import { newSigningKeys } from "./testing/signingKeys.ts"

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

describe("a good token", () => {
  effectTest("is accepted with its issuer, subject, audiences, claims, id and expiry", () =>
    Effect.gen(function* () {
      const verifier = yield* ready()
      const now = yield* Clock.currentTimeMillis
      const verified = yield* verifier.verify(issuer.token({ aud: [audience, "other"], groups: ["a"] }))
      expect(verified).toMatchObject({
        issuer: issuer.url,
        issuerName: "main",
        subject: "alice",
        audiences: [audience, "other"],
        tokenId: "id-1",
      })
      expect(verified.claims.groups).toEqual(["a"])
      expect(Math.abs(verified.expiresAt.getTime() - now - 300_000)).toBeLessThan(5_000)
    }),
  )
  for (const jti of [undefined, "", 7, " x", "a\nb", "x".repeat(2000)])
    effectTest(`whose jti is ${JSON.stringify(jti)?.slice(0, 20)} is named by its hash`, () =>
      Effect.gen(function* () {
        const verifier = yield* ready()
        const verified = yield* verifier.verify(issuer.token({ jti }))
        expect(verified.tokenId).toMatch(/^sha256:[0-9a-f]{64}$/)
      }),
    )
  effectTest("without kid is accepted when one of the keys signed it", () =>
    Effect.gen(function* () {
      const other = newSigningKeys()
      const both = [...publicJwks(newSigningKeys()), ...publicJwks(other)]
      issuer.answers.set(keysPath, (_, response) => response.end(JSON.stringify({ keys: both })))
      const verifier = yield* ready()
      yield* verifier.verify(issuer.token({}, { keys: other, header: { kid: undefined } }))
      const refusal = yield* Effect.flip(
        verifier.verify(issuer.token({}, { keys: newSigningKeys(), header: { kid: undefined } })),
      )
      expect(refusal._tag).toBe("TokenSignatureInvalid")
    }),
  )
  effectTest("of each of several issuers is accepted by that issuer's entry", () =>
    Effect.gen(function* () {
      const second = yield* Effect.acquireRelease(Effect.promise(startIssuerServer), (one) => Effect.promise(one.stop))
      const verifier = yield* ready({ entries: [issuer.entry(), second.entry({ name: "second" })] })
      expect((yield* verifier.verify(issuer.token())).issuerName).toBe("main")
      expect((yield* verifier.verify(second.token())).issuerName).toBe("second")
      // The first issuer's key under the second one's name.
      const forged = yield* Effect.flip(verifier.verify(issuer.token({ iss: second.url })))
      expect(forged._tag).toBe("TokenKeyUnknown")
    }),
  )
  effectTest("is accepted with inline keys without asking anybody", () =>
    Effect.gen(function* () {
      const hits = issuer.hits.size
      const url = "https://unreachable.example.com"
      const keys = publicJwks(issuer.keys)
      const entry = issuer.entry({ issuer: { url, audiences: [audience], jwks: { keys } } })
      const verifier = yield* ready({ entries: [entry] })
      yield* verifier.verify(issuer.token({ iss: url }))
      const unknown = yield* Effect.flip(verifier.verify(issuer.token({ iss: url }, { keys: newSigningKeys() })))
      expect(unknown._tag).toBe("TokenKeyUnknown")
      expect(issuer.hits.size).toBe(hits)
      expect(yield* verifier.issuers).toEqual([{ name: "main", url, source: "inline", ready: true, keyCount: 4 }])
    }),
  )
})

describe("genuine tokens that are not good here are refused", () => {
  effectTest("a token whose issuer differs by a trailing slash", () =>
    Effect.gen(function* () {
      expect((yield* refusalOf(issuer.token({ iss: `${issuer.url}/` })))._tag).toBe("TokenIssuerUnknown")
    }),
  )
  effectTest("a token that the relay accepts too", () =>
    Effect.gen(function* () {
      const relay = "clusterconnect:relay.example.com"
      const token = issuer.token({ aud: [audience, relay] })
      const refusal = yield* refusalOf(token, { refusedAudiences: [relay] })
      expect([refusal._tag, refusal.httpStatus]).toEqual(["RelayAudienceRefused", 403])
      const allowing = yield* ready()
      expect((yield* allowing.verify(token)).subject).toBe("alice")
    }),
  )
  effectTest("a token that does not meet a claim validation rule", () =>
    Effect.gen(function* () {
      const entry = issuer.entry({ claimValidationRules: [{ claim: "owner", requiredValues: ["1", "2"] }] })
      const verifier = yield* ready({ entries: [entry] })
      expect((yield* verifier.verify(issuer.token({ owner: "2" }))).subject).toBe("alice")
      const refusal = yield* Effect.flip(verifier.verify(issuer.token({ owner: "3" })))
      expect([refusal._tag, refusal.httpStatus]).toEqual(["ClaimRuleUnmet", 403])
    }),
  )
})

describe("the cache of positive results", () => {
  effectTest("accepts a token for at most ten seconds more after its key was withdrawn", () =>
    Effect.gen(function* () {
      const verifier = yield* ready()
      const token = issuer.token()
      yield* verifier.verify(token)
      issuer.answers.set(keysPath, (_, response) => response.end('{"keys":[]}'))
      yield* Effect.flip(verifier.verify(issuer.token({}, { keys: newSigningKeys() })))
      yield* TestClock.adjust(9_999)
      yield* verifier.verify(token)
      yield* TestClock.adjust(1)
      expect((yield* Effect.flip(verifier.verify(token)))._tag).toBe("TokenKeyUnknown")
    }),
  )
  effectTest("never accepts a token beyond its expiry and the tolerance", () =>
    Effect.gen(function* () {
      const verifier = yield* ready()
      const nowMillis = yield* Clock.currentTimeMillis
      const token = issuer.token({ exp: Math.floor(nowMillis / 1000) + 5 }, { nowMillis })
      yield* verifier.verify(token)
      yield* TestClock.adjust(34_000)
      yield* verifier.verify(token)
      yield* TestClock.adjust(2_000)
      expect((yield* Effect.flip(verifier.verify(token)))._tag).toBe("TokenExpired")
    }),
  )
  effectTest("keeps no refusal", () =>
    Effect.gen(function* () {
      const verifier = yield* ready()
      const nowMillis = (yield* Clock.currentTimeMillis) + 60_000
      const token = issuer.token({ nbf: Math.floor(nowMillis / 1000) }, { nowMillis })
      expect((yield* Effect.flip(verifier.verify(token)))._tag).toBe("TokenNotYetValid")
      yield* TestClock.adjust(60_000)
      expect((yield* verifier.verify(token)).subject).toBe("alice")
    }),
  )
})

describe("configuration", () => {
  effectTest("the layer provides the same service", () =>
    Effect.gen(function* () {
      const verifier = yield* TokenVerifier
      yield* verifier.awaitReady
      expect((yield* verifier.verify(issuer.token())).subject).toBe("alice")
    }).pipe(Effect.provide(Layer.suspend(() => TokenVerifier.layer({ entries: [issuer.entry()] })))),
  )
  effectTest("entries that cannot be used give no verifier, and every mistake is told", () =>
    Effect.gen(function* () {
      const entry = issuer.entry({ name: "", issuer: { url: "http://a.example", audiences: [] } })
      const refused = yield* Effect.flip(makeTokenVerifier({ entries: [entry] }))
      expect(refused).toBeInstanceOf(EntriesRefused)
      expect(refused.faults.map((fault) => fault._tag)).toEqual([
        "EntryNameInvalid",
        "IssuerUrlInvalid",
        "AudiencesMissing",
      ])
    }),
  )
  test("no refusal's text contains any part of the token", async () => {
    const token = issuer.token({ exp: 1 })
    const refusal = await Effect.runPromise(Effect.scoped(refusalOf(token)))
    for (const part of segments(token)) expect(refusal.message).not.toContain(part)
  })
})
