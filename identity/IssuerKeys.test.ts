import { describe, expect } from "bun:test"
import { Duration, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { keyCeiling, reloadInterval } from "./IssuerKeys.ts"
import { makeTokenVerifier, slowIssuerPatience } from "./TokenVerifier.ts"
import { effectTest } from "./testing/effectTest.ts"
import { discoveryPath, keysPath } from "./testing/IssuerServer.ts"
import { newSigningKeys } from "./testing/signingKeys.ts"
import { down, held, hits, newIssuer, stateOf, tokenNow, until, verifierFor } from "./testing/verifierUnderTest.ts"

describe("readiness", () => {
  effectTest("comes with the first keys of every issuer and stays when an issuer fails later", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* newIssuer, yield* newIssuer]
      const gate = held()
      second.answers.set(
        keysPath,
        gate.answer((_, response) => response.end('{"keys":[]}')),
      )
      const verifier = yield* makeTokenVerifier({ entries: [first.entry(), second.entry({ name: "second" })] })
      yield* gate.asked
      yield* until(verifier, (state) => state.ready)
      expect(yield* verifier.ready).toBe(false)
      yield* gate.release
      yield* verifier.awaitReady
      expect(yield* verifier.ready).toBe(true)
      first.answers.set(discoveryPath, down)
      yield* TestClock.adjust(Duration.times(reloadInterval, 2))
      yield* until(verifier, (state) => state.failure !== undefined)
      expect(yield* verifier.ready).toBe(true)
    }),
  )
  effectTest("waits a minute for an issuer that cannot be read when another one can, and for ever while none can", () =>
    Effect.gen(function* () {
      const [broken, good] = [yield* newIssuer, yield* newIssuer]
      broken.answers.set(discoveryPath, down)
      const alone = yield* verifierFor(broken)
      yield* until(alone, (state) => state.failure !== undefined)
      yield* TestClock.adjust(slowIssuerPatience)
      expect(yield* alone.ready).toBe(false)
      const verifier = yield* makeTokenVerifier({ entries: [broken.entry({ name: "broken" }), good.entry()] })
      while (!(yield* verifier.issuers).some(({ ready }) => ready))
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      expect(yield* verifier.ready).toBe(false)
      yield* TestClock.adjust(slowIssuerPatience)
      expect(yield* verifier.ready).toBe(true)
      expect((yield* verifier.issuers).map(({ ready }) => ready)).toEqual([false, true])
      expect((yield* verifier.verify(yield* tokenNow(good))).subject).toBe("alice")
    }),
  )
  effectTest("is reached by itself when the issuer comes up later", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      issuer.answers.set(discoveryPath, down)
      const verifier = yield* verifierFor(issuer)
      yield* until(verifier, (state) => state.failure !== undefined)
      issuer.answers.clear()
      yield* TestClock.adjust("5 seconds")
      yield* verifier.awaitReady
      expect(yield* stateOf(verifier)).toMatchObject({ ready: true, keyCount: 4 })
      expect((yield* stateOf(verifier)).failure).toBeUndefined()
    }),
  )
})

describe("while no keys are known", () => {
  effectTest("a token is answered with IdentityProviderUnavailable, 503, never 401", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      issuer.answers.set(discoveryPath, down)
      const verifier = yield* verifierFor(issuer)
      const token = yield* tokenNow(issuer)
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const refusal = yield* Effect.flip(verifier.verify(token))
        expect([refusal._tag, refusal.httpStatus]).toEqual(["IdentityProviderUnavailable", 503])
      }
    }),
  )
  effectTest("a token waits for the load that is under way", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const gate = held()
      issuer.answers.set(
        discoveryPath,
        gate.answer((_, response) => {
          response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}${keysPath}` }))
        }),
      )
      const verifier = yield* verifierFor(issuer)
      const waiting = yield* Effect.fork(verifier.verify(yield* tokenNow(issuer)))
      yield* gate.asked
      yield* gate.release
      expect((yield* Fiber.join(waiting)).subject).toBe("alice")
      expect(hits(issuer)).toBe(1)
    }),
  )
  effectTest("nonsense is still refused as such, and nobody is asked because of it", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      issuer.answers.set(discoveryPath, down)
      const verifier = yield* verifierFor(issuer)
      yield* until(verifier, (state) => state.failure !== undefined)
      const before = hits(issuer, discoveryPath)
      const bad = [
        "x",
        "a.b.c",
        "x".repeat(20_000),
        issuer.token({ aud: "other" }),
        issuer.token({ iss: "https://other.example.com" }),
        issuer.token({ exp: 1 }),
        issuer.token({}, { header: { alg: "none" } }),
      ]
      for (const token of bad) expect((yield* Effect.flip(verifier.verify(token))).httpStatus).toBe(401)
      expect(hits(issuer, discoveryPath)).toBe(before)
    }),
  )
})

describe("keys that are known", () => {
  effectTest("are used on while the issuer is down, for 24 hours", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const verifier = yield* verifierFor(issuer)
      yield* verifier.awaitReady
      // The one load that this day begins hangs meanwhile: 1,440 failing ones would only take longer.
      const gate = held()
      issuer.answers.set(discoveryPath, gate.answer(down))
      yield* TestClock.adjust(Duration.subtract(keyCeiling, "1 minute"))
      yield* gate.asked
      yield* gate.release
      yield* until(verifier, (state) => state.failure !== undefined)
      expect((yield* verifier.verify(yield* tokenNow(issuer))).subject).toBe("alice")
      yield* TestClock.adjust("2 minutes")
      const refusal = yield* Effect.flip(verifier.verify(yield* tokenNow(issuer)))
      expect([refusal._tag, refusal.httpStatus]).toEqual(["IdentityProviderUnavailable", 503])
    }),
  )
  effectTest("are read again in the background, so that a withdrawn key is refused", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const verifier = yield* verifierFor(issuer)
      yield* verifier.awaitReady
      const old = issuer.keys
      issuer.keys = newSigningKeys()
      const before = hits(issuer)
      const { loadedAt } = yield* stateOf(verifier)
      yield* TestClock.adjust(Duration.times(reloadInterval, 1.3))
      yield* until(verifier, (state) => state.loadedAt !== loadedAt)
      expect(hits(issuer)).toBe(before + 1)
      expect((yield* Effect.flip(verifier.verify(yield* tokenNow(issuer, {}, { keys: old }))))._tag).toBe(
        "TokenKeyUnknown",
      )
      expect((yield* verifier.verify(yield* tokenNow(issuer))).subject).toBe("alice")
    }),
  )
  effectTest("are kept when the issuer answers garbage", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const verifier = yield* verifierFor(issuer)
      yield* verifier.awaitReady
      issuer.answers.set(keysPath, (_, response) => response.end("garbage"))
      yield* TestClock.adjust(Duration.times(reloadInterval, 1.3))
      yield* until(verifier, (state) => state.failure !== undefined)
      expect(yield* stateOf(verifier)).toMatchObject({
        ready: true,
        keyCount: 4,
        failure: { name: "IssuerAnswerMalformed" },
      })
      expect((yield* verifier.verify(yield* tokenNow(issuer))).subject).toBe("alice")
    }),
  )
  effectTest("are carried over to the verifier that follows, unless the trust in them changed", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const previous = yield* verifierFor(issuer)
      yield* previous.awaitReady
      issuer.answers.set(discoveryPath, down)
      const next = yield* verifierFor(issuer, { previous })
      expect(yield* next.ready).toBe(true)
      expect((yield* next.verify(yield* tokenNow(issuer))).subject).toBe("alice")
      const { issuer: trust } = issuer.entry()
      const changed = issuer.entry({ issuer: { ...trust, discoveryURL: `${issuer.url}/other` } })
      const other = yield* makeTokenVerifier({ entries: [changed], previous })
      expect(yield* other.ready).toBe(false)
      const { certificateAuthority: _, ...bare } = trust
      const rooted = { entries: [issuer.entry({ issuer: bare })], roots: [issuer.caPem] }
      issuer.answers.clear()
      const trusting = yield* makeTokenVerifier(rooted)
      yield* trusting.awaitReady
      issuer.answers.set(discoveryPath, down)
      expect(yield* (yield* makeTokenVerifier({ ...rooted, previous: trusting })).ready).toBe(true)
      expect(yield* (yield* makeTokenVerifier({ ...rooted, roots: [], previous: trusting })).ready).toBe(false)
    }),
  )
})

describe("the end of a verifier", () => {
  effectTest("ends its loads and releases whoever waits for one", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const gate = held()
      issuer.answers.set(
        discoveryPath,
        gate.answer(() => undefined),
      )
      const scope = yield* Scope.make()
      const verifier = yield* Scope.extend(verifierFor(issuer), scope)
      const waiting = yield* Effect.fork(Effect.flip(verifier.verify(yield* tokenNow(issuer))))
      yield* gate.asked
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      expect((yield* Fiber.join(waiting))._tag).toBe("IdentityProviderUnavailable")
    }),
  )
})
