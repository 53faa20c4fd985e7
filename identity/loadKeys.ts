import { Effect } from "effect"
import { type FetchOptions, fetchDocument } from "./fetchDocument.ts"
import { DiscoveryIssuerMismatch, type IssuerFailure, JwksMalformed, JwksUriRefused } from "./issuerFailures.ts"
import type { IssuerEntry } from "./JwtEntry.ts"
import { type KeySet, keySetFrom } from "./keySet.ts"
import { quoted } from "./refusals.ts"
import { ownValue } from "./strictJson.ts"

export interface LoadOptions extends Pick<FetchOptions, "connect" | "timeoutMillis"> {
  /** PEM roots for issuers without a certificateAuthority; the runtime's when undefined. */
  readonly roots: readonly string[] | undefined
}

/** Discovers an issuer's `jwks_uri` (OpenID Connect Discovery 1.0 section 4) and gets the keys from there. */
export const loadKeys = (
  entry: IssuerEntry,
  { roots, ...options }: LoadOptions,
): Effect.Effect<KeySet, IssuerFailure> =>
  Effect.gen(function* () {
    const { issuer } = entry
    const fetchOptions = {
      ...options,
      certificateAuthority: issuer.certificateAuthority ?? roots,
      allowLoopback: entry.allowLoopback === true,
    }
    const at = new URL(issuer.discoveryURL ?? `${issuer.url.replace(/\/$/, "")}/.well-known/openid-configuration`)
    const discovery = yield* fetchDocument(at, fetchOptions)
    const named = ownValue(discovery, "issuer")
    if (named !== issuer.url)
      return yield* new DiscoveryIssuerMismatch({
        url: at.href,
        detail: typeof named === "string" ? quoted(named) : "none",
      })
    const jwksUri = ownValue(discovery, "jwks_uri")
    if (typeof jwksUri !== "string" || !isHttps(jwksUri))
      // Not shown: it may hold a password.
      return yield* new JwksUriRefused({ url: at.href })
    const document = yield* fetchDocument(new URL(jwksUri), fetchOptions)
    return keySetFrom(document) ?? (yield* new JwksMalformed({ url: jwksUri }))
  })

const isHttps = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return url.protocol === "https:" && url.username === "" && url.password === "" && url.hash === ""
}
