import { createHash } from "node:crypto"
import { Clock, Context, Duration, Effect, Layer, type Scope } from "effect"
import { unmetRule } from "./claimRules.ts"
import { compactToken, maximumTokenBytes } from "./compactToken.ts"
import { EntriesRefused } from "./entryFaults.ts"
import { documentTimeoutMillis } from "./fetchDocument.ts"
import { type IssuerKeys, type IssuerState, type LoadedKeys, makeIssuerKeys } from "./IssuerKeys.ts"
import { type ConnectIssuer, connectDirectly } from "./issuerConnection.ts"
import { issuerFaults } from "./issuerFaults.ts"
import type { IssuerEntry, JwtEntry } from "./JwtEntry.ts"
import { precheck, sourceFor, type TokenFacts } from "./precheck.ts"
import { ResultCache, tokenHash } from "./ResultCache.ts"
import {
  IdentityProviderUnavailable,
  quoted,
  RelayAudienceRefused,
  TokenKeyUnknown,
  type TokenRefusal,
  TokenSignatureInvalid,
  TokenTooLarge,
} from "./refusals.ts"
import { unusableName } from "./reservedNames.ts"
import { type JsonObject, ownValue } from "./strictJson.ts"
import { type SignatureVerdict, verifySignature } from "./verifySignature.ts"

/** A token whose signature, issuer, audience, times and claim rules hold. */
export interface VerifiedToken {
  readonly issuer: string
  /** The name of the entry that accepted it. */
  readonly issuerName: string
  readonly subject: string
  readonly audiences: readonly string[]
  readonly claims: JsonObject
  /** `jti`, or `sha256:` and the hex SHA-256 of the token when it has none that can be sent on. */
  readonly tokenId: string
  readonly expiresAt: Date
}

export interface TokenVerifierOptions {
  readonly entries: readonly (IssuerEntry | JwtEntry)[]
  /** A token whose `aud` contains one of these is refused, however good otherwise: the relay's audience, unless allowed. */
  readonly refusedAudiences?: readonly string[]
  /** How issuers are dialled; straight when absent. */
  readonly connect?: ConnectIssuer
  /** PEM roots for issuers without a certificateAuthority of their own; the runtime's when absent. */
  readonly roots?: readonly string[]
  /** The verifier that this one replaces after a change of configuration: keys of issuers that stay the same are kept. */
  readonly previous?: TokenVerifierService
  /** Bound for one document of an issuer; 5,000 when absent. */
  readonly fetchTimeoutMillis?: number
}

/** A rollout waits this long for an issuer that does not answer: those who are replaced may still have its keys. */
export const slowIssuerPatience = Duration.minutes(1)

export interface TokenVerifierService {
  /** Accepts a bearer token or says why not. Never fails otherwise; at most one pair of requests to the issuer per cooldown. */
  readonly verify: (token: string) => Effect.Effect<VerifiedToken, TokenRefusal>
  /**
   * True once every issuer's keys have been read, after {@link slowIssuerPatience} once those of one have: one that is down must not
   * keep out everybody else's users. Never false again.
   */
  readonly ready: Effect.Effect<boolean>
  /** Completes when every issuer's keys have been read once. */
  readonly awaitReady: Effect.Effect<void>
  /** Per issuer, in the order of the entries. */
  readonly issuers: Effect.Effect<readonly IssuerState[]>
  /** The keys read so far, by what the trust in them rests on; for the verifier that follows. */
  readonly loadedKeys: Effect.Effect<ReadonlyMap<string, LoadedKeys>>
}

/** Verifies bearer tokens of the configured issuers and keeps the issuers' keys up to date in the background. */
export class TokenVerifier extends Context.Tag("clusterconnect/identity/TokenVerifier")<
  TokenVerifier,
  TokenVerifierService
>() {
  static readonly layer = (options: TokenVerifierOptions) => Layer.scoped(TokenVerifier, makeTokenVerifier(options))
}

/** The same for programs that replace it while they run: it lives as long as the scope. Fails on entries that cannot be used. */
export const makeTokenVerifier = (
  options: TokenVerifierOptions,
): Effect.Effect<TokenVerifierService, EntriesRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const faults = issuerFaults(options.entries)
    if (faults.length > 0) return yield* new EntriesRefused({ faults })
    const began = yield* Clock.currentTimeMillis
    const seeds = options.previous === undefined ? undefined : yield* options.previous.loadedKeys
    const sources = yield* Effect.forEach(options.entries, (entry) =>
      Effect.map(
        makeIssuerKeys(entry, {
          connect: options.connect ?? connectDirectly,
          roots: options.roots,
          timeoutMillis: options.fetchTimeoutMillis ?? documentTimeoutMillis,
          seed: seeds?.get(trustOf(entry, options.roots)),
        }),
        (keys) => ({ entry, keys }),
      ),
    )
    const byIssuer = new Map(sources.map((source) => [source.entry.issuer.url, source]))
    const refusedAudiences = new Set(options.refusedAudiences)
    const cache = new ResultCache<VerifiedToken>()

    const verify = Effect.fnUntraced(function* (token: string) {
      // Before the hash: work for a token is bounded by its size.
      if (token.length > maximumTokenBytes)
        return yield* new TokenTooLarge({ detail: `${token.length} bytes, at most ${maximumTokenBytes}` })
      const now = yield* Clock.currentTimeMillis
      const hash = tokenHash(token)
      const known = cache.get(hash, now)
      if (known !== undefined) return known
      const parsed = yield* compactToken(token)
      const { entry, keys } = yield* sourceFor(parsed, byIssuer)
      const facts = yield* precheck(parsed, entry, now)
      yield* genuine(token, entry, keys, now)
      yield* permitted(facts, entry, refusedAudiences)
      const unmet = unmetRule(entry.claimValidationRules ?? [], parsed.claims)
      if (unmet !== undefined) return yield* unmet
      const verified: VerifiedToken = {
        issuer: facts.issuer,
        issuerName: entry.name,
        subject: facts.subject,
        audiences: facts.audiences,
        claims: parsed.claims,
        tokenId: tokenIdOf(parsed.claims, hash),
        expiresAt: new Date(facts.expiresAtMillis),
      }
      cache.set(hash, verified, now, facts.expiresAtMillis)
      return verified
    })

    return {
      verify,
      ready: Effect.gen(function* () {
        const states = yield* Effect.forEach(sources, ({ keys }) => keys.state)
        const now = yield* Clock.currentTimeMillis
        const waited = now - began >= Duration.toMillis(slowIssuerPatience)
        return states.every(({ ready }) => ready) || (waited && states.some(({ ready }) => ready))
      }),
      awaitReady: Effect.forEach(sources, ({ keys }) => keys.awaitReady, { discard: true }),
      issuers: Effect.forEach(sources, ({ keys }) => keys.state),
      loadedKeys: Effect.map(
        Effect.forEach(sources, ({ entry, keys }) =>
          Effect.map(keys.loaded, (loaded) => [trustOf(entry, options.roots), loaded] as const),
        ),
        (all) => new Map(all.flatMap(([trust, loaded]) => (loaded === undefined ? [] : [[trust, loaded] as const]))),
      ),
    }
  })

/** Names what the trust in an issuer's keys rests on: keys are carried over only between entries that agree in all of it. */
const trustOf = ({ issuer, allowLoopback = false }: IssuerEntry, roots: readonly string[] = []): string => {
  const authorities = issuer.certificateAuthority ?? roots
  const trust = JSON.stringify([issuer.url, issuer.discoveryURL ?? "", authorities, allowLoopback])
  return createHash("sha256").update(trust).digest("hex")
}

/** Succeeds when the issuer signed the token. An unknown key makes the keys be read once more. */
const genuine = Effect.fnUntraced(function* (token: string, entry: IssuerEntry, keys: IssuerKeys, now: number) {
  const issuerName = entry.name
  const verdict: Effect.Effect<SignatureVerdict | "no-keys"> = Effect.flatMap(keys.current, (current) =>
    current === undefined ? Effect.succeed("no-keys" as const) : verifySignature(token, entry, current, now),
  )
  let found = yield* verdict
  if (found === "no-keys" || found === "unknown-key") {
    yield* keys.refresh
    found = yield* verdict
  }
  if (found === "valid") return
  if (found === "invalid") return yield* new TokenSignatureInvalid({ issuerName })
  const failure = yield* keys.failure
  // While the issuer is down nobody knows whether it has published a new key: that is not the caller's fault.
  if (found === "no-keys" || failure !== undefined)
    return yield* new IdentityProviderUnavailable({
      issuerName,
      ...(failure === undefined ? {} : { detail: failure._tag }),
    })
  return yield* new TokenKeyUnknown({ issuerName })
})

const permitted = ({ audiences }: TokenFacts, entry: IssuerEntry, refused: ReadonlySet<string>) => {
  const found = audiences.find((audience) => refused.has(audience))
  return found === undefined
    ? Effect.void
    : Effect.fail(new RelayAudienceRefused({ detail: `its aud contains ${quoted(found)}`, issuerName: entry.name }))
}

const tokenIdOf = (claims: JsonObject, hash: string): string => {
  const jti = ownValue(claims, "jti")
  return typeof jti === "string" && unusableName(jti) === undefined ? jti : `sha256:${hash}`
}
