import type { Route } from "../../platform/outbound.ts"
import { NotAuthenticated } from "../failures.ts"
import type { Profile } from "../profiles/Profile.ts"
import { askedAudience, loginParameters } from "./askedAudience.ts"
import { browserLogin, loginAbandoned } from "./browserLogin.ts"
import { deviceLogin } from "./deviceLogin.ts"
import { discovered } from "./Issuer.ts"
import { type LoginSituation, loginWay } from "./loginWay.ts"
import { openBrowser } from "./openBrowser.ts"
import type { Session } from "./Sessions.ts"

export interface LogInOptions {
  readonly profile: Profile
  /** All that tokens shall be had for later. */
  readonly audiences: readonly string[]
  readonly route: Route
  readonly situation: Omit<LoginSituation, "deviceOffered">
  /** A line for the person; never a token. */
  readonly say: (line: string) => void
  readonly ports?: readonly number[]
  readonly signal?: AbortSignal
  readonly open?: (address: string, failed: () => void, opened: DisposableStack) => void
}

/** A person finds a password and a second factor within this. */
const loginMillis = 10 * 60_000

/** Logs a person in and returns what is to be kept. Rejects with a PathFailure. */
export const logIn = async (options: LogInOptions): Promise<Session> => {
  const { profile, audiences, route, say, situation, open = openBrowser } = options
  const { issuer, clientId } = profile
  if (issuer === undefined || clientId === undefined)
    throw new NotAuthenticated({
      hop: "identity-provider",
      cause: "NoIssuer",
      detail: "the profile names no identity provider: give --issuer URL and --client-id ID",
    })
  const configuration = await discovered(issuer, clientId, route)
  const parameters = loginParameters(profile, audiences)
  const tooLate = AbortSignal.timeout(loginMillis)
  const signal = options.signal === undefined ? tooLate : AbortSignal.any([tooLate, options.signal])
  const deviceOffered = configuration.serverMetadata().device_authorization_endpoint !== undefined
  const way = loginWay({ ...situation, deviceOffered })
  const [first] = audiences
  // RFC 8707, 2.2: the code was asked for with all audiences, and is exchanged for the token of one.
  const exchange =
    first !== undefined && (profile.audienceIn ?? "resource") === "resource" ? askedAudience(profile, first) : {}
  using opened = new DisposableStack()
  const common = { configuration, issuer, parameters, exchange, signal }
  const given = await (way === "device"
    ? deviceLogin({
        ...common,
        present: ({ address, code, complete }) => {
          say(`To log in, open ${complete ?? address}`)
          say(`and confirm the code ${code}`)
        },
      })
    : browserLogin({
        ...common,
        say,
        asksConsent: profile.skipConsent !== true,
        ...(options.ports === undefined ? {} : { ports: options.ports }),
        // To copy, not to click: a terminal that is clicked at starts a browser with the address in its argument list.
        present: (address) => {
          if (way === "print") return say(`To log in, copy ${address} into a browser on this machine`)
          say(`Opening your browser to log in. If no page comes, copy ${address} into it`)
          open(address, () => say(`No browser could be opened: copy ${address} into one`), opened)
        },
      })
  ).catch((error: unknown) => {
    if (signal.aborted)
      throw loginAbandoned(tooLate.aborted ? `nobody did within ${loginMillis / 60_000} min` : "it was ended")
    throw error
  })
  const subject = given.claims()?.sub
  return {
    issuer,
    clientId,
    ...(subject === undefined ? {} : { subject }),
    ...(given.refresh_token === undefined ? {} : { refreshToken: given.refresh_token }),
    tokens: {},
  }
}
