import type { ClaimValidationRule } from "./JwtEntry.ts"

interface MultiTenantIssuer {
  readonly service: string
  readonly matches: (url: URL) => boolean
  /** Claims whose value names one owner. Where the service has ids, ids: names of accounts and repositories are given to others. */
  readonly ownerClaims: readonly string[]
}

const at =
  (host: string, path = "") =>
  (url: URL) =>
    url.host === host && url.pathname.replace(/\/+$/, "") === path

/** As it is when it cannot be decoded: then it names no tenant. */
const decodedText = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const entraHosts = new Set([
  "login.microsoftonline.com",
  "login.microsoftonline.us",
  "login.partner.microsoftonline.cn",
  "login.chinacloudapi.cn",
  "login.windows.net",
  "sts.windows.net",
])
/** The last one is the tenant in which all personal Microsoft accounts live. */
const entraTenantsOfEverybody = new Set([
  "common",
  "organizations",
  "consumers",
  "{tenantid}",
  "9188040d-6c67-4c5b-b112-36a304b66dad",
])

/** Issuers that sign for anybody with an account there. Without a rule on an owner each of their users is `system:authenticated`. */
const multiTenantIssuers: readonly MultiTenantIssuer[] = [
  {
    service: "GitHub Actions",
    matches: at("token.actions.githubusercontent.com"),
    ownerClaims: ["repository_owner_id", "repository_id", "enterprise_id"],
  },
  {
    service: "GitLab.com",
    matches: at("gitlab.com"),
    // Not user_id: whoever gets a user to start a pipeline in their own project has a token with that user's id.
    ownerClaims: ["namespace_id", "project_id"],
  },
  {
    service: "Microsoft Entra for all tenants",
    matches: (url) =>
      entraHosts.has(url.host) &&
      entraTenantsOfEverybody.has(decodedText(url.pathname.split("/")[1] ?? "").toLowerCase()),
    ownerClaims: ["tid"],
  },
  {
    service: "Google",
    matches: at("accounts.google.com"),
    // Service accounts, which anybody makes and which have tokens for any audience, have no hd. unmetRule wants an email verified.
    ownerClaims: ["hd", "sub", "email"],
  },
  {
    service: "Buildkite",
    matches: at("agent.buildkite.com"),
    // In the token only when the step asks for them: buildkite-agent oidc request-token --claim organization_id
    ownerClaims: ["organization_id", "pipeline_id"],
  },
  {
    service: "HCP Terraform",
    matches: at("app.terraform.io"),
    ownerClaims: ["terraform_organization_id", "terraform_project_id", "terraform_workspace_id"],
  },
]

/** The service behind an issuer that signs for everybody, when no rule limits the owner; undefined when all is well. */
export const unlimitedService = (
  issuerUrl: URL,
  rules: readonly ClaimValidationRule[],
): { readonly service: string; readonly ownerClaims: readonly string[] } | undefined =>
  multiTenantIssuers.find(
    ({ matches, ownerClaims }) =>
      matches(issuerUrl) && !rules.some(({ claim }) => claim !== undefined && ownerClaims.includes(claim)),
  )
