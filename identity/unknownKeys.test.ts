import { describe, expect } from "bun:test"
import { Duration, Effect, Fiber, TestClock } from "effect"
import { unknownKeyCooldown } from "./IssuerKeys.ts"
import { effectTest } from "./testing/effectTest.ts"
import { discoveryPath, type IssuerServer } from "./testing/IssuerServer.ts"
import { newSigningKeys } from "./testing/signingKeys.ts"
import { down, held, hits, newIssuer, tokenNow, verifierFor } from "./testing/verifierUnderTest.ts"

const unknownKeyToken = (issuer: IssuerServer) => tokenNow(issuer, {}, { keys: newSigningKeys() })

describe("tokens with unknown keys", () => {
  effectTest("make the keys be read once, so that rotated keys work at once", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const verifier = yield* verifierFor(issuer)
      yield* verifier.awaitReady
      issuer.keys = newSigningKeys()
      expect((yield* verifier.verify(yield* tokenNow(issuer))).subject).toBe("alice")
      expect(hits(issuer)).toBe(2)
    }),
  )
  effectTest("cause one load per cooldown, however many there are and however parallel", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const verifier = yield* verifierFor(issuer)
      yield* verifier.awaitReady
      const flood = Effect.gen(function* () {
        const token = yield* unknownKeyToken(issuer)
        return yield* Effect.flip(verifier.verify(token))
      })
      const refusals = yield* Effect.all(
        Array.from({ length: 20 }, () => flood),
        { concurrency: "unbounded" },
      )
      expect(new Set(refusals.map((refusal) => refusal._tag))).toEqual(new Set(["TokenKeyUnknown"]))
      expect(hits(issuer)).toBe(2)
      yield* TestClock.adjust(Duration.subtract(unknownKeyCooldown, "1 millis"))
      yield* flood
      expect(hits(issuer)).toBe(2)
      yield* TestClock.adjust("1 millis")
      yield* flood
      expect(hits(issuer)).toBe(3)
    }),
  )
  effectTest("do not delay tokens with known keys", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const verifier = yield* verifierFor(issuer)
      yield* verifier.awaitReady
      const gate = held()
      issuer.answers.set(discoveryPath, gate.answer(down))
      const stuck = yield* Effect.fork(Effect.flip(verifier.verify(yield* unknownKeyToken(issuer))))
      yield* gate.asked
      expect((yield* verifier.verify(yield* tokenNow(issuer))).subject).toBe("alice")
      yield* gate.release
      expect((yield* Fiber.join(stuck))._tag).toBe("IdentityProviderUnavailable")
    }),
  )
  effectTest("are not refused with 401 while the issuer is down: its new keys may be unknown here", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const verifier = yield* verifierFor(issuer)
      yield* verifier.awaitReady
      issuer.answers.set(discoveryPath, down)
      const refusal = yield* Effect.flip(verifier.verify(yield* unknownKeyToken(issuer)))
      expect([refusal._tag, refusal.httpStatus]).toEqual(["IdentityProviderUnavailable", 503])
    }),
  )
})
