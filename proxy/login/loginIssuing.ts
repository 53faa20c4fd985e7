import { Either } from "effect"
import { refreshTokenGrant } from "openid-client"
import { readClaims } from "../../identity/readClaims.ts"
import type { Route } from "../../platform/outbound.ts"
import { NotAuthenticated } from "../failures.ts"
import type { NamedProfile } from "../profiles/Profiles.ts"
import type { Issuing } from "../tokens/Issuing.ts"
import { askedAudience } from "./askedAudience.ts"
import { discovered } from "./Issuer.ts"
import { issuerFailure } from "./issuerFailure.ts"
import type { HeldSession, Session, Sessions } from "./Sessions.ts"
import { whileSpending } from "./spending.ts"

/** A kept token is used while this share of its life is left: more than what makes a running program renew (renewedToken). */
const leastLeftShare = 0.4
/** For tokens that do not say when they were made. */
const unknownLifeMillis = 10 * 60_000

/** Tokens from a person's login: kept ones while they are good, else by spending the refresh token, one process at a time. */
export const loginIssuing = ({ name, profile }: NamedProfile, sessions: Sessions, route: Route): Issuing => {
  const { issuer, clientId } = profile
  const described = `the login of profile ${name}`
  return {
    described,
    issuer,
    mint: async (audience) => {
      if (issuer === undefined || clientId === undefined) throw notLoggedIn(name)
      const known = await sessions.peek(name)
      const kept = known === undefined ? undefined : keptToken(known, profile, audience)
      if (kept !== undefined) return kept
      return await sessions.held(name, async (held) => {
        // Another process may have got one while this one waited.
        const session = await held.read()
        if (session === undefined || session.issuer !== issuer || session.clientId !== clientId) throw notLoggedIn(name)
        const meanwhile = keptToken(session, profile, audience)
        if (meanwhile !== undefined) return meanwhile
        if (session.refreshToken === undefined) throw notLoggedIn(name, "the identity provider gave no refresh token")
        const token = await whileSpending(spend({ ...session, refreshToken: session.refreshToken }, audience, held))
        if (token === undefined) throw noIdToken(session.issuer, name)
        return token
      })
    },
    forget: (audience, token) =>
      sessions.held(name, async (held) => {
        const session = await held.read()
        if (session?.tokens[audience] !== token) return
        const { [audience]: _, ...tokens } = session.tokens
        await held.replace({ ...session, tokens })
      }),
  }

  /** Undefined when the answer has no such token. */
  async function spend(
    session: Session & { readonly refreshToken: string },
    audience: string,
    { replace }: HeldSession,
  ): Promise<string | undefined> {
    const configuration = await discovered(session.issuer, session.clientId, route, { judgesClock: false })
    const answer = await refreshTokenGrant(configuration, session.refreshToken, askedAudience(profile, audience)).catch(
      (error: unknown) => {
        throw issuerFailure(session.issuer, error, name)
      },
    )
    const token = profile.use === "id-token" ? answer.id_token : answer.access_token
    // Whatever becomes of the token: the provider may have taken the old refresh token back.
    await replace({
      ...session,
      refreshToken: answer.refresh_token ?? session.refreshToken,
      tokens: { ...stillGood(session.tokens), ...(token === undefined ? {} : { [audience]: token }) },
    })
    return token
  }
}

/** Only the tokens that a login has left: nothing is refreshed, so whoever cannot wait may use it. */
export const keptIssuing = ({ name, profile }: NamedProfile, sessions: Sessions): Issuing => ({
  described: `the login of profile ${name}`,
  issuer: profile.issuer,
  mint: async (audience) => {
    const known = await sessions.peek(name)
    const kept = known === undefined ? undefined : keptToken(known, profile, audience)
    if (kept === undefined) throw notLoggedIn(name, "no token of it is left")
    return kept
  },
})

const keptToken = (
  session: Session,
  profile: { readonly issuer?: string | undefined; readonly clientId?: string | undefined },
  audience: string,
): string | undefined => {
  if (session.issuer !== profile.issuer || session.clientId !== profile.clientId) return undefined
  const token = Object.hasOwn(session.tokens, audience) ? session.tokens[audience] : undefined
  return token !== undefined && isFresh(token) ? token : undefined
}

const isFresh = (token: string): boolean => {
  const claims = Either.getOrUndefined(readClaims(token))
  if (claims?.expiresAt === undefined) return false
  const { iat } = claims.claims
  const expires = claims.expiresAt.getTime()
  const life = typeof iat === "number" ? expires - iat * 1_000 : unknownLifeMillis
  return expires - Date.now() > life * leastLeftShare
}

const stillGood = (tokens: Session["tokens"]): Session["tokens"] =>
  Object.fromEntries(Object.entries(tokens).filter(([, token]) => isFresh(token)))

const noIdToken = (issuer: string, name: string) =>
  new NotAuthenticated({
    hop: "identity-provider",
    cause: "TokenMissing",
    detail: `${issuer} gave no ID token at a refresh: ask for access tokens, or log in again: clusterconnect login --profile ${name}`,
  })

const notLoggedIn = (name: string, why = "nobody is logged in") =>
  new NotAuthenticated({
    hop: "identity-provider",
    cause: "NotLoggedIn",
    detail: `profile ${name}: ${why}. Log in: clusterconnect login --profile ${name}`,
  })
