import { Either } from "effect"
import { TokenMissing } from "../../../identity/refusals.ts"
import type { UpgradeProtocol } from "./framing.ts"
import { type Incoming, listOf, valuesOf } from "./Incoming.ts"
import { AuthorizationNotBearer, SubprotocolMissing, SubprotocolTokenMalformed, TwoCredentials } from "./refusals.ts"

export type CredentialRefusal =
  | TokenMissing
  | AuthorizationNotBearer
  | TwoCredentials
  | SubprotocolTokenMalformed
  | SubprotocolMissing

export interface Credential {
  /** The caller's token; goes to the verifier and nowhere else. */
  readonly token: string
  /** WebSocket subprotocols to offer to the API server, the one that carried a token left out. */
  readonly subprotocols: readonly string[]
}

/** k8s.io/apiserver/pkg/authentication/request/websocket: how browsers send a bearer token. */
export const bearerSubprotocol = "base64url.bearer.authorization.k8s.io."

/** Takes the token from `Authorization: Bearer` or from the bearer subprotocol of a WebSocket upgrade; exactly one of them. */
export const credential = (
  { rawHeaders }: Incoming,
  upgrade: UpgradeProtocol | undefined,
): Either.Either<Credential, CredentialRefusal> => {
  const offered = upgrade === "websocket" ? listOf(rawHeaders, "sec-websocket-protocol") : []
  const bearers = offered.filter((protocol) => protocol.toLowerCase().startsWith(bearerSubprotocol))
  const subprotocols = offered.filter((protocol) => !protocol.toLowerCase().startsWith(bearerSubprotocol))
  const [authorization] = valuesOf(rawHeaders, "authorization")
  if (bearers.length > 1 || (bearers.length === 1 && authorization !== undefined))
    return Either.left(new TwoCredentials({}))
  const [bearer] = bearers
  if (bearer !== undefined) {
    if (subprotocols.length === 0) return Either.left(new SubprotocolMissing({}))
    return Either.map(tokenOf(bearer), (token) => ({ token, subprotocols }))
  }
  if (authorization === undefined) return Either.left(new TokenMissing({}))
  const token = /^Bearer ([!-~]+)$/i.exec(authorization)?.[1]
  return token === undefined ? Either.left(new AuthorizationNotBearer({})) : Either.right({ token, subprotocols })
}

const tokenOf = (protocol: string): Either.Either<string, SubprotocolTokenMalformed> => {
  const text = protocol.slice(bearerSubprotocol.length)
  const token = Buffer.from(text, "base64url").toString("latin1")
  const exact = Buffer.from(token, "latin1").toString("base64url") === text
  return exact && /^[!-~]+$/.test(token) ? Either.right(token) : Either.left(new SubprotocolTokenMalformed({}))
}
