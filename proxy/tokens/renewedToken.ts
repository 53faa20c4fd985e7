import { Either } from "effect"
import { readClaims } from "../../identity/readClaims.ts"
import { NotAuthenticated, type PathFailure, pathFailureOf } from "../failures.ts"
import type { TokenSource } from "./TokenSource.ts"

export interface Renewal {
  /** Gets a new token. Rejects with a PathFailure. */
  readonly mint: () => Promise<string>
  readonly hop: "relay" | "auth-proxy"
  readonly described: string
  readonly nowMillis?: () => number
}

interface Held {
  readonly token: string
  readonly renewAtMillis: number
  readonly expiresAtMillis: number
}

/** A third of its life is left: two attempts fail and the third still comes in time. At most so long before the end. */
const aheadShare = 1 / 3
const maxAheadMillis = 5 * 60_000
/** A token that does not say when it ends is fetched again after this. */
const unknownLifeMillis = 5 * 60_000
/** After a failure nobody is asked again for this long, twice as long after each further one: an identity provider that is down is not asked by every request. */
export const restAfterFailureMillis = 2_000
const longestRestMillis = 30_000

/**
 * A source that gets a new token ahead of the end of the present one, once for all who ask at the same time. While a renewal
 * fails, the present token is given out until it expires; then the failure is.
 */
export const renewedToken = ({ mint, hop, described, nowMillis = Date.now }: Renewal): TokenSource => {
  let held: Held | undefined
  let minting: Promise<Held> | undefined
  let failed: { readonly failure: PathFailure; readonly untilMillis: number; readonly restMillis: number } | undefined

  const minted = async (): Promise<Held> => {
    try {
      const token = await mint()
      held = heldOf(token, nowMillis(), hop, described)
      failed = undefined
      return held
    } catch (error) {
      const failure = pathFailureOf(error)
      const restMillis = Math.min(
        failed === undefined ? restAfterFailureMillis : 2 * failed.restMillis,
        longestRestMillis,
      )
      failed = { failure, restMillis, untilMillis: nowMillis() + restMillis }
      throw failure
    }
  }
  const renew = (): Promise<Held> => {
    if (failed !== undefined && nowMillis() < failed.untilMillis) return Promise.reject(failed.failure)
    minting ??= minted().finally(() => {
      minting = undefined
    })
    return minting
  }
  const current = async (): Promise<string> => {
    const now = nowMillis()
    if (held === undefined || now >= held.expiresAtMillis) return (await renew()).token
    // Nobody waits for the renewal of a token that is still good.
    if (now >= held.renewAtMillis) renew().catch(() => {})
    return held.token
  }
  return { current, described }
}

const heldOf = (token: string, now: number, hop: Renewal["hop"], described: string): Held => {
  const claims = Either.getOrUndefined(readClaims(token))
  const expiresAtMillis = claims?.expiresAt?.getTime() ?? now + unknownLifeMillis
  if (expiresAtMillis <= now)
    throw new NotAuthenticated({
      hop,
      cause: "TokenExpired",
      detail: `${described} gave a token that expired at ${new Date(expiresAtMillis).toISOString()}, and here it is ${new Date(now).toISOString()}: check this machine's clock`,
    })
  const ahead = Math.min((expiresAtMillis - now) * aheadShare, maxAheadMillis)
  return { token, expiresAtMillis, renewAtMillis: expiresAtMillis - ahead }
}
