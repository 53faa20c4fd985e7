import type { Route } from "../../../platform/outbound.ts"
import { NotAuthenticated } from "../../failures.ts"
import type { Issuing } from "../Issuing.ts"
import { askEndpoint, textField } from "./askEndpoint.ts"
import type { CiEnvironment } from "./ciIssuing.ts"

/**
 * GitHub Actions: the runner's endpoint issues an ID token for any audience, as often as asked, while the job runs and has
 * `permissions: id-token: write`.
 */
export const githubActions = (environment: CiEnvironment, route: Route): Issuing => {
  const described = "GitHub Actions"
  const refused = (detail: string) =>
    new NotAuthenticated({ hop: "identity-provider", cause: "CiTokenRefused", detail: `${described}: ${detail}` })
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: credential } = environment
  return {
    described,
    // An Enterprise Server has an issuer of its own.
    issuer: environment.GITHUB_SERVER_URL === "https://github.com" ? githubIssuer : undefined,
    mint: async (audience) => {
      if (!url || !credential)
        throw refused("the job may not ask for ID tokens: give it `permissions: id-token: write`")
      const address = URL.canParse(url) ? new URL(url) : undefined
      address?.searchParams.set("audience", audience)
      const { status, body } = await askEndpoint("ACTIONS_ID_TOKEN_REQUEST_URL", address?.href ?? "", route, {
        headers: { authorization: `Bearer ${credential}` },
      })
      const token = textField(body, "value")
      if (status !== 200 || token === undefined)
        throw refused(`its token endpoint answered ${status} without a token for ${JSON.stringify(audience)}`)
      return token
    },
  }
}

const githubIssuer = "https://token.actions.githubusercontent.com"
