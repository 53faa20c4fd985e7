import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { connectDirectly } from "./issuerConnection.ts"
import { makeTokenVerifier } from "./TokenVerifier.ts"
import { effectTest } from "./testing/effectTest.ts"
import { type Answer, certifiedName, discoveryPath, type IssuerServer, keysPath } from "./testing/IssuerServer.ts"
import { privateCertificate } from "./testing/privateCertificate.ts"
import { down, hits, newIssuer, stateOf, tokenNow, until, verifierFor } from "./testing/verifierUnderTest.ts"

describe("an issuer that cannot be trusted to answer (S6) is reported by name and gives no keys", () => {
  const bad: Record<string, [string, (issuer: IssuerServer) => Answer]> = {
    IssuerRedirected: [discoveryPath, () => (_, response) => response.writeHead(302, { location: "/keys" }).end()],
    IssuerStatusUnexpected: [keysPath, () => down],
    IssuerAnswerMalformed: [keysPath, () => (_, response) => response.end("garbage")],
    DiscoveryIssuerMismatch: [
      discoveryPath,
      (issuer) => (_, response) =>
        response.end(JSON.stringify({ issuer: `${issuer.url}/`, jwks_uri: `${issuer.url}${keysPath}` })),
    ],
    JwksMalformed: [keysPath, () => (_, response) => response.end('{"keys":"none"}')],
    IssuerTimeout: [keysPath, () => () => undefined],
  }
  for (const [name, [path, answer]] of Object.entries(bad))
    effectTest(name, () =>
      Effect.gen(function* () {
        const issuer = yield* newIssuer
        issuer.answers.set(path, answer(issuer))
        const verifier = yield* verifierFor(issuer, { fetchTimeoutMillis: 500 })
        yield* until(verifier, (state) => state.failure !== undefined)
        const { failure, ready, keyCount } = yield* stateOf(verifier)
        expect({ name: failure!.name, ready, keyCount }).toEqual({ name, ready: false, keyCount: 0 })
      }),
    )
  for (const jwks_uri of [
    "http://keys.example.com/",
    "https://user:secret@keys.example.com/",
    "file:///etc/passwd",
    "",
    7,
    undefined,
  ])
    effectTest(`JwksUriRefused: ${jwks_uri}`, () =>
      Effect.gen(function* () {
        const issuer = yield* newIssuer
        issuer.answers.set(discoveryPath, (_, response) =>
          response.end(JSON.stringify({ issuer: issuer.url, jwks_uri })),
        )
        const verifier = yield* verifierFor(issuer)
        yield* until(verifier, (state) => state.failure !== undefined)
        expect((yield* stateOf(verifier)).failure!.name).toBe("JwksUriRefused")
      }),
    )
  effectTest("IssuerAddressRefused, when discovery points into the machine itself", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      // Discovery comes by way of a proxy, which vouches for the address; the keys would come from the metadata service.
      const url = `https://${certifiedName}`
      issuer.answers.set(discoveryPath, (_, response) =>
        response.end(JSON.stringify({ issuer: url, jwks_uri: "https://169.254.169.254/keys" })),
      )
      const verifier = yield* verifierFor(issuer, {
        entries: [issuer.entry({ issuer: { ...issuer.entry().issuer, url }, allowLoopback: false })],
        connect: async ({ signal }) => {
          const { port } = new URL(issuer.url)
          return { ...(await connectDirectly({ host: "127.0.0.1", port: Number(port), signal })), viaProxy: true }
        },
      })
      yield* until(verifier, (state) => state.failure !== undefined)
      expect((yield* stateOf(verifier)).failure!.name).toBe("IssuerAddressRefused")
      expect(hits(issuer, discoveryPath)).toBe(1)
    }),
  )
  effectTest("discoveryURL is read in its place, and must still name the issuer", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const url = "https://login.example.com"
      issuer.answers.set("/elsewhere", (_, response) =>
        response.end(JSON.stringify({ issuer: url, jwks_uri: `${issuer.url}${keysPath}` })),
      )
      const entry = issuer.entry({
        issuer: { ...issuer.entry().issuer, url, discoveryURL: `${issuer.url}/elsewhere` },
      })
      const verifier = yield* makeTokenVerifier({ entries: [entry] })
      yield* verifier.awaitReady
      expect((yield* verifier.verify(yield* tokenNow(issuer, { iss: url }))).issuer).toBe(url)
      expect(hits(issuer, discoveryPath)).toBe(0)
    }),
  )
  effectTest("the roots of the program are for issuers without an authority of their own, and only for them", () =>
    Effect.gen(function* () {
      const issuer = yield* newIssuer
      const { certificateAuthority: _, ...bare } = issuer.entry().issuer
      const entries = [issuer.entry({ issuer: bare })]
      const trusting = yield* makeTokenVerifier({ entries, roots: [issuer.caPem] })
      yield* trusting.awaitReady
      const doubting = yield* makeTokenVerifier({ entries })
      yield* until(doubting, (state) => state.failure !== undefined)
      expect((yield* stateOf(doubting)).failure!.name).toBe("IssuerCertificateRefused")
      const { caPem } = yield* Effect.promise(() => privateCertificate(["127.0.0.1"]))
      const other = [issuer.entry({ issuer: { ...bare, certificateAuthority: caPem } })]
      const pinned = yield* makeTokenVerifier({ entries: other, roots: [issuer.caPem] })
      yield* until(pinned, (state) => state.failure !== undefined)
      expect((yield* stateOf(pinned)).failure!.name).toBe("IssuerCertificateRefused")
    }),
  )
})
