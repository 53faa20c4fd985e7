import { Clock, Effect } from "effect"
import { makeTokenVerifier, type TokenVerifierOptions, type TokenVerifierService } from "../TokenVerifier.ts"
import { type Answer, type IssuerServer, keysPath, startIssuerServer } from "./IssuerServer.ts"

/** A server that ends with the scope. */
export const newIssuer = Effect.acquireRelease(Effect.promise(startIssuerServer), (issuer) =>
  Effect.promise(issuer.stop),
)
/** A verifier of that one server; nothing waits for its keys. */
export const verifierFor = (issuer: IssuerServer, changes: Partial<TokenVerifierOptions> = {}) =>
  makeTokenVerifier({ entries: [issuer.entry()], ...changes })
/** The state of its first issuer. */
export const stateOf = (verifier: TokenVerifierService) => Effect.map(verifier.issuers, (states) => states[0]!)
/** How often the server was asked for a path. */
export const hits = (issuer: IssuerServer, path = keysPath) => issuer.hits.get(path) ?? 0
export const down: Answer = (_, response) => response.writeHead(503).end()
/** An answer that tells when it is asked for, and waits to be released. */
export const held = () => {
  const asked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const answer =
    (then: Answer): Answer =>
    (request, response) => {
      asked.resolve()
      void release.promise.then(() => then(request, response))
    }
  return { asked: Effect.promise(() => asked.promise), release: Effect.sync(() => release.resolve()), answer }
}
/** Passes once the issuer's state is as wanted; the loads it waits for are real requests, so time stands still meanwhile. */
export const until = (
  verifier: TokenVerifierService,
  wanted: (state: Effect.Effect.Success<ReturnType<typeof stateOf>>) => boolean,
) =>
  Effect.gen(function* () {
    while (!wanted(yield* stateOf(verifier)))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  })
/** A good token by the test's clock. */
export const tokenNow = (issuer: IssuerServer, claims = {}, options = {}) =>
  Effect.map(Clock.currentTimeMillis, (nowMillis) => issuer.token(claims, { nowMillis, ...options }))
