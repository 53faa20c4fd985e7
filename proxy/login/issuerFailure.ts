import { AuthorizationResponseError, ClientError, ResponseBodyError } from "openid-client"
import { BodyTooLarge, OutboundInvalid, RedirectRefused, Unreachable } from "../../platform/outbound.ts"
import { isPathFailure, NotAuthenticated, PathBroken, type PathFailure } from "../failures.ts"
import { printable } from "../printable.ts"

/** A provider's words are shown to a person: not too many. */
const maxMessageCharacters = 300
const shown = (text: string) => printable(text, maxMessageCharacters)

/**
 * Any failure of a call to an identity provider. Holds the provider's own error code, never what was sent.
 * @param profile of the login, if it is one
 */
export const issuerFailure = (issuer: string, error: unknown, profile?: string): PathFailure => {
  if (isPathFailure(error)) return error
  const hop = "identity-provider"
  if (error instanceof ResponseBodyError || error instanceof AuthorizationResponseError) {
    const shownError = shown(error.error)
    if (error instanceof ResponseBodyError && isBusy(error))
      return new PathBroken({
        hop,
        cause: "IssuerBusy",
        detail: `identity provider ${issuer} answered ${error.status} (${shownError}): it is overloaded or out of order`,
      })
    const description = error.error_description === undefined ? "" : ` (${shown(error.error_description)})`
    return new NotAuthenticated({
      hop,
      cause: "IssuerRefused",
      detail: `${issuer} said ${shownError}${description}${remedy(profile)[error.error] ?? ""}`,
    })
  }
  const below = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (
    below instanceof Unreachable ||
    below instanceof BodyTooLarge ||
    below instanceof RedirectRefused ||
    below instanceof OutboundInvalid
  )
    return new PathBroken({ hop, cause: "IssuerUnreachable", detail: `identity provider ${issuer}: ${below.message}` })
  const text = error instanceof Error ? error.message : String(error)
  const clock = error instanceof ClientError && error.code === "OAUTH_JWT_TIMESTAMP_CHECK_FAILED"
  return new PathBroken({
    hop,
    cause: "IssuerAnswerInvalid",
    detail: `identity provider ${issuer}: ${shown(text)}${clock ? `, and here it is ${new Date().toISOString()}: check this machine's clock` : ""}`,
  })
}

/** It judged nobody: later the same question may be answered. */
const isBusy = ({ status, error }: ResponseBodyError) =>
  status === 429 || status >= 500 || error === "temporarily_unavailable"

const remedy = (profile: string | undefined): Readonly<Record<string, string>> => {
  const login = `clusterconnect login${profile === undefined ? "" : ` --profile ${profile}`}`
  return {
    invalid_grant: `: the login has ended there. Log in again: ${login}`,
    invalid_target: `: the login did not ask for this audience. Log in again and name the cluster: ${login} CLUSTER…`,
    invalid_client: ": check --client-id",
    unauthorized_client: ": check that the client may use this grant",
    access_denied: ": the login was refused there",
    expired_token: ": nobody confirmed the code in time. Log in again",
  }
}
