import { tokenRevocation } from "openid-client"
import type { Route } from "../../platform/outbound.ts"
import { type PathFailure, pathFailureOf } from "../failures.ts"
import { discovered } from "./Issuer.ts"
import { issuerFailure } from "./issuerFailure.ts"
import type { Sessions } from "./Sessions.ts"

export type LoggedOut =
  | { readonly was: "not logged in" | "revoked" | "no revocation offered" | "nothing to revoke" }
  /** It is gone here, but may still be good at the provider. */
  | { readonly was: "removed only"; readonly failure: PathFailure }

/** Revokes the refresh token (RFC 7009) and removes the login, also when the provider cannot be reached or the login not be opened. */
export const logOut = async (profile: string, sessions: Sessions, route: Route): Promise<LoggedOut> =>
  await sessions.held(profile, async ({ read, remove }) => {
    try {
      const session = await read()
      if (session === undefined) return { was: "not logged in" }
      if (session.refreshToken === undefined) return { was: "nothing to revoke" }
      const configuration = await discovered(session.issuer, session.clientId, route)
      if (configuration.serverMetadata().revocation_endpoint === undefined) return { was: "no revocation offered" }
      await tokenRevocation(configuration, session.refreshToken, { token_type_hint: "refresh_token" }).catch(
        (error: unknown) => {
          throw issuerFailure(session.issuer, error)
        },
      )
      return { was: "revoked" }
    } catch (error) {
      return { was: "removed only", failure: pathFailureOf(error) }
    } finally {
      await remove()
    }
  })
