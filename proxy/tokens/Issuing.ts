import { Either } from "effect"
import { readClaims } from "../../identity/readClaims.ts"
import { NotAuthenticated } from "../failures.ts"
import { renewedToken } from "./renewedToken.ts"
import type { TokenSource } from "./TokenSource.ts"

/** Something that issues tokens for any audience that it is asked for: a login, a CI runner, a command. */
export interface Issuing {
  /** For messages: `the login of profile work`, never a credential. */
  readonly described: string
  /** A new token for this audience. Rejects with a PathFailure. */
  readonly mint: (audience: string) => Promise<string>
  /** This token was of no use: one that is kept is not given out again. */
  readonly forget?: (audience: string, token: string) => Promise<void>
  /** Who signs the tokens, where that is known without one. */
  readonly issuer: string | undefined
}

type Hop = "relay" | "auth-proxy"

/**
 * A token that is for the audience it was asked for, and says so. What an issuer gave for another one is not used, nor what is also
 * good for one that `isAnothers`: whoever gets it could act as the user there.
 */
export const mintFor = async (
  issuing: Issuing,
  audience: string,
  hop: Hop,
  isAnothers: (audience: string) => boolean = () => false,
): Promise<{ readonly token: string; readonly issuer: string | undefined }> => {
  const token = await issuing.mint(audience)
  try {
    return { token, issuer: checked(issuing, token, audience, hop, isAnothers).issuer }
  } catch (error) {
    // Who mends the provider's settings gets another one. The refusal is what is to be told.
    await issuing.forget?.(audience, token).catch(() => {})
    throw error
  }
}

const checked = (
  issuing: Issuing,
  token: string,
  audience: string,
  hop: Hop,
  isAnothers: (audience: string) => boolean,
) => {
  const claims = Either.getOrThrowWith(
    readClaims(token),
    ({ _tag }) =>
      new NotAuthenticated({
        hop: "identity-provider",
        cause: "TokenUnreadable",
        detail: `${issuing.described} gave something that is not a JWT (${_tag}), so its audience cannot be checked: have it give a JWT for the audience ${JSON.stringify(audience)}`,
      }),
  )
  if (!claims.audiences.includes(audience))
    throw new NotAuthenticated({
      hop,
      cause: hop === "relay" ? "RelayAudienceMissing" : "ClusterAudienceMissing",
      detail: `${issuing.described} gave a token for ${claims.audiences.map((one) => JSON.stringify(one)).join(", ") || "nobody"}, expected ${JSON.stringify(audience)}. It was not sent: see how your identity provider is asked for an audience (docs/tokens.md)`,
    })
  const others = claims.audiences.filter((one) => one !== audience && isAnothers(one))
  if (others.length > 0)
    throw new NotAuthenticated({
      hop,
      cause: "TokenOpensOthers",
      detail: `${issuing.described} gave a token for ${JSON.stringify(audience)} that is also good for ${others.map((one) => JSON.stringify(one)).join(", ")}: who gets it could act as you there. It was not sent: have your identity provider give one audience at a time (docs/tokens.md)`,
    })
  return claims
}

/** The relay's token from an issuer. Its audience is the user's own word; it goes through RelayTokenGate as every other. */
export const issuedRelayToken = (issuing: Issuing, audience: string): TokenSource =>
  renewedToken({
    mint: async () => (await mintFor(issuing, audience, "relay")).token,
    hop: "relay",
    described: issuing.described,
  })
