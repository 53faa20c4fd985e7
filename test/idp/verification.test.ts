import { afterAll, beforeAll, expect, test } from "bun:test"
import { Effect, Either } from "effect"
import { callerOf } from "../../identity/claimMapping.ts"
import type { JwtEntry } from "../../identity/JwtEntry.ts"
import { makeTokenVerifier } from "../../identity/TokenVerifier.ts"
import { type IdentityProvider, startIdentityProvider } from "./IdentityProvider.ts"

let provider: IdentityProvider
const audience = "clusterconnect:relay.example.com/edge-1"
const entryOf = (one: IdentityProvider): JwtEntry => ({
  name: "main",
  issuer: { url: one.issuer, certificateAuthority: one.caPem, audiences: [audience] },
  claimMappings: { username: { claim: "sub", prefix: "oidc:" }, groups: { claim: "groups", prefix: "oidc:" } },
  algorithms: ["RS256", "ES256", "ES384", "PS256", "EdDSA"],
  allowLoopback: true,
})

beforeAll(async () => {
  provider = await startIdentityProvider()
})
afterAll(() => provider.stop())

test("a token minted with each algorithm is verified and mapped, groups with commas as one group each", async () => {
  const program = Effect.gen(function* () {
    const verifier = yield* makeTokenVerifier({ entries: [entryOf(provider)] })
    yield* verifier.awaitReady
    for (const alg of ["RS256", "PS256", "ES256", "ES384", "EdDSA"] as const) {
      const token = yield* Effect.promise(() =>
        provider.mint({ sub: "alice", groups: ["a,b", "c"] }, { audience, alg }),
      )
      const verified = yield* verifier.verify(token)
      const caller = Either.getOrThrow(callerOf(entryOf(provider), verified))
      expect(caller.username).toBe("oidc:alice")
      expect(caller.groups).toEqual(["oidc:a,b", "oidc:c"])
    }
  })
  await Effect.runPromise(Effect.scoped(program))
})

test("tokens of rotated keys are accepted at once, those of withdrawn keys no more after the next load", async () => {
  const program = Effect.gen(function* () {
    const verifier = yield* makeTokenVerifier({ entries: [entryOf(provider)] })
    yield* verifier.awaitReady
    const mint = Effect.promise(() => provider.mint({}, { audience }))
    const old = yield* mint
    const alsoOld = yield* mint
    yield* verifier.verify(old)
    yield* Effect.promise(() => provider.rotateKeys({ withdrawOld: true }))
    yield* verifier.verify(yield* mint)
    const refusal = yield* Effect.flip(verifier.verify(alsoOld))
    expect(refusal._tag).toBe("TokenKeyUnknown")
  })
  await Effect.runPromise(Effect.scoped(program))
})

test("a shifted clock dates tokens into the past and into the future", async () => {
  const program = Effect.gen(function* () {
    const verifier = yield* makeTokenVerifier({ entries: [entryOf(provider)] })
    yield* verifier.awaitReady
    const refusalAt = (seconds: number) =>
      Effect.gen(function* () {
        provider.shiftClock(seconds)
        const nbf = Math.floor(Date.now() / 1000) + seconds
        const token = yield* Effect.promise(() => provider.mint({ nbf }, { audience, expiresInSeconds: 60 }))
        return yield* Effect.flip(verifier.verify(token))
      })
    expect((yield* refusalAt(-3600))._tag).toBe("TokenExpired")
    expect((yield* refusalAt(3600))._tag).toBe("TokenNotYetValid")
  })
  await Effect.runPromise(Effect.scoped(program)).finally(() => provider.shiftClock(0))
})
