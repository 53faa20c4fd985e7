import { clientCredentialsGrant } from "openid-client"
import type { Route } from "../../../platform/outbound.ts"
import { NotAuthenticated } from "../../failures.ts"
import { knownTokenEndpoint } from "../../login/Issuer.ts"
import { issuerFailure } from "../../login/issuerFailure.ts"
import type { Issuing } from "../Issuing.ts"
import { askEndpoint, textField } from "./askEndpoint.ts"
import type { CiEnvironment } from "./ciIssuing.ts"

const entra = "https://login.microsoftonline.com"
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
const apiVersion = "7.1"

/**
 * Azure Pipelines: the agent's endpoint issues an ID token for a service connection; Entra takes it as the client assertion of that
 * connection's application (workload identity federation) and issues a token for any resource the application may use.
 */
export const azurePipelines = (environment: CiEnvironment, route: Route): Issuing => {
  const described = "Azure Pipelines"
  const refused = (detail: string) =>
    new NotAuthenticated({ hop: "identity-provider", cause: "CiTokenRefused", detail: `${described}: ${detail}` })
  const needed = (...names: readonly string[]): string => {
    const value = names.map((name) => environment[name]).find((one) => one)
    if (value === undefined) throw refused(`${names.join(" or ")} is not set: see docs/ci.md for the step's env`)
    return value
  }
  const urlIn = (name: string): URL => {
    const text = needed(name)
    if (URL.canParse(text) && new URL(text).protocol === "https:") return new URL(text)
    throw refused(`${name} is not an https URL, so no credential was sent there`)
  }
  return {
    described,
    issuer: undefined,
    mint: async (audience) => {
      const address = urlIn("SYSTEM_OIDCREQUESTURI")
      address.searchParams.set("api-version", apiVersion)
      address.searchParams.set("serviceConnectionId", needed("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"))
      const credential = needed("SYSTEM_ACCESSTOKEN")
      const clientId = needed("AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID")
      const tenant = needed("AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID")
      const authority = environment.AZURE_AUTHORITY_HOST ? urlIn("AZURE_AUTHORITY_HOST").href : entra
      const { status, body } = await askEndpoint("SYSTEM_OIDCREQUESTURI", address.href, route, {
        method: "POST",
        headers: { authorization: `Bearer ${credential}`, "content-type": "application/json", "content-length": "0" },
      })
      const assertion = textField(body, "oidcToken")
      if (status !== 200 || assertion === undefined)
        throw refused(`its token endpoint answered ${status} without a token for the service connection`)
      const base = `${authority.replace(/\/$/, "")}/${encodeURIComponent(tenant)}`
      const issuer = knownTokenEndpoint(
        { issuer: `${base}/v2.0`, token_endpoint: `${base}/oauth2/v2.0/token` },
        clientId,
        route,
        (_server, client, form) => {
          form.set("client_id", client.client_id)
          form.set("client_assertion_type", assertionType)
          form.set("client_assertion", assertion)
        },
      )
      try {
        return (await clientCredentialsGrant(issuer, { scope: `${audience}/.default` })).access_token
      } catch (error) {
        throw issuerFailure(`Entra (${authority})`, error)
      }
    },
  }
}
