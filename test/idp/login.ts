import type { IncomingMessage, ServerResponse } from "node:http"
import type Provider from "oidc-provider"
import type { InteractionResults } from "oidc-provider"

/** Where the provider sends a browser that has to log in. */
export const interactionPath = (uid: string): string => `/interaction/${uid}`
export const isInteraction = (request: IncomingMessage): boolean => request.url?.startsWith("/interaction/") === true

/**
 * Logs in without asking anything: as the account in the request's `login_hint`, else as the first one, and with consent to
 * everything that was requested.
 */
export const completeInteraction = async (
  provider: Provider,
  accounts: ReadonlySet<string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response)
  const finish = (result: InteractionResults) =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
  if (prompt.name === "login") {
    const hint = typeof params.login_hint === "string" ? params.login_hint : [...accounts][0]
    if (hint === undefined || !accounts.has(hint))
      return finish({ error: "access_denied", error_description: `there is no account ${hint}` })
    return finish({ login: { accountId: hint } })
  }
  const accountId = session?.accountId
  const clientId = params.client_id
  if (accountId === undefined || typeof clientId !== "string")
    return finish({ error: "access_denied", error_description: "consent without a login" })
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  const grant = known ?? new provider.Grant({ accountId, clientId })
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details as {
    missingOIDCScope?: string[]
    missingOIDCClaims?: string[]
    missingResourceScopes?: Record<string, string[]>
  }
  if (missingOIDCScope !== undefined) grant.addOIDCScope(missingOIDCScope.join(" "))
  if (missingOIDCClaims !== undefined) grant.addOIDCClaims(missingOIDCClaims)
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {}))
    grant.addResourceScope(resource, scopes.join(" "))
  return finish({ consent: { grantId: await grant.save() } })
}
