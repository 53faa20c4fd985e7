import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from "openid-client"
import { NotAuthenticated } from "../failures.ts"
import { issuerFailure } from "./issuerFailure.ts"
import { loopbackListener } from "./loopbackListener.ts"

export interface BrowserLogin {
  readonly configuration: Configuration
  readonly issuer: string
  /** Scope, resources and the like. */
  readonly parameters: URLSearchParams
  /** For the token endpoint. */
  readonly exchange: Record<string, string>
  /** False: the provider need not ask the person once more. */
  readonly asksConsent: boolean
  /** Called when a browser may go there. */
  readonly present: (address: string) => void
  /** A line for the person. */
  readonly say: (line: string) => void
  /** Tried in this order; then any free one. */
  readonly ports?: readonly number[]
  readonly signal: AbortSignal
}

/** Ports that a client registration can name: providers that do not ignore the port of a loopback redirect (RFC 8252, 7.3) need it. */
const registeredPorts: readonly number[] = [8_000, 18_000]

/** Authorization code with PKCE (S256), state and nonce on a loopback redirect. Rejects with a PathFailure. */
export const browserLogin = async (login: BrowserLogin) => {
  const { configuration, issuer, parameters, exchange, present, say, ports = registeredPorts, signal } = login
  const verifier = randomPKCECodeVerifier()
  const [state, nonce] = [randomState(), randomNonce()]
  await using listener = await loopbackListener(ports, state, signal, say)
  const asked = new URLSearchParams(parameters)
  asked.set("redirect_uri", listener.redirect)
  asked.set("response_type", "code")
  asked.set("code_challenge", await calculatePKCECodeChallenge(verifier))
  asked.set("code_challenge_method", "S256")
  asked.set("state", state)
  asked.set("nonce", nonce)
  // A provider gives a refresh token for offline_access only after asking the person (OpenID Connect Core, section 11).
  if (login.asksConsent) asked.set("prompt", "consent")
  listener.forward(buildAuthorizationUrl(configuration, asked))
  present(listener.address)
  const answer = await listener.answer
  try {
    const expected = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
    const given = await authorizationCodeGrant(configuration, answer, expected, exchange)
    listener.undisturbed()
    return given
  } catch (error) {
    throw issuerFailure(issuer, error)
  }
}

/** The login was given up or took too long. */
export const loginAbandoned = (why: string) =>
  new NotAuthenticated({
    hop: "identity-provider",
    cause: "LoginAbandoned",
    detail: `the login was not finished: ${why}. Try again, or on a machine without a browser with --device-code`,
  })
