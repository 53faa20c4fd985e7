import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import { readClaims } from "../../../identity/readClaims.ts"
import { trustedRoots } from "../../../platform/outbound.ts"
import { azureEndpoints, githubEndpoint, tokenEndpoint } from "../../testing/ciEndpoints.ts"
import { jwt } from "../../testing/FarEnd.ts"
import { ciIssuing, runningIn } from "./ciIssuing.ts"

const relayAudience = "clusterconnect:relay.example"
const clusterAudience = "clusterconnect:relay.example/edge-1"
const both = [relayAudience, clusterAudience]
const audiences = (token: string) => Either.getOrThrow(readClaims(token)).audiences
const routeTo = (caPem: string) => ({ proxy: {}, ca: trustedRoots({ pem: [caPem] }) })

test("the CI system is known by its own variable, never by a guess", () => {
  expect(runningIn({ GITHUB_ACTIONS: "true" })).toBe("github-actions")
  expect(runningIn({ GITLAB_CI: "true" })).toBe("gitlab")
  expect(runningIn({ TF_BUILD: "True" })).toBe("azure-pipelines")
  expect(runningIn({ CI: "true", GITHUB_ACTIONS: "" })).toBeUndefined()
})

describe("GitHub Actions", () => {
  test("gives a token for each audience, as often as asked, each with that audience alone", async () => {
    const endpoint = await githubEndpoint("runner-secret")
    const environment = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${endpoint.url}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner-secret",
    }
    const source = ciIssuing("github-actions", environment, routeTo(endpoint.caPem))
    for (const audience of [...both, ...both]) expect(audiences(await source.mint(audience))).toEqual([audience])
    expect(endpoint.asked.map(({ url }) => url.searchParams.get("audience"))).toEqual([...both, ...both])
    await endpoint.stop()
  })
  test("without the permission, or with a refusal, says what the job needs and never what it sent", async () => {
    const none = ciIssuing("github-actions", {}, { proxy: {} })
    await expect(none.mint(relayAudience)).rejects.toThrow("id-token: write")
    const endpoint = await githubEndpoint("other")
    const environment = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${endpoint.url}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner-secret",
    }
    const failure = await ciIssuing("github-actions", environment, routeTo(endpoint.caPem))
      .mint(relayAudience)
      .catch((error: unknown) => error)
    expect(String(failure)).toContain("answered 401")
    expect(JSON.stringify(failure)).not.toContain("runner-secret")
    await endpoint.stop()
  })
  test("never sends its credential in plain text or to an authority that is not trusted", async () => {
    const endpoint = await githubEndpoint("runner-secret")
    const environment = { ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner-secret" }
    for (const [url, said] of [
      ["http://127.0.0.1:1/token", "not an https URL"],
      [`${endpoint.url}/token?api-version=2.0`, "TLS failed"],
    ] as const) {
      const source = ciIssuing(
        "github-actions",
        { ...environment, ACTIONS_ID_TOKEN_REQUEST_URL: url },
        { proxy: {}, ca: trustedRoots() },
      )
      await expect(source.mint(relayAudience)).rejects.toThrow(said)
    }
    expect(endpoint.asked).toEqual([])
    await endpoint.stop()
  })
})

test.each([429, 500, 503])(
  "a token endpoint that answers %d is out of order: it has refused nothing",
  async (status) => {
    const endpoint = await tokenEndpoint(() => ({ status, body: { message: "runner-secret" } }))
    const environment = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${endpoint.url}/token`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runner-secret",
      SYSTEM_OIDCREQUESTURI: `${endpoint.url}/oidctoken`,
      SYSTEM_ACCESSTOKEN: "runner-secret",
      AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: "connection",
      AZURESUBSCRIPTION_CLIENT_ID: "client",
      AZURESUBSCRIPTION_TENANT_ID: "the-tenant",
    }
    for (const name of ["github-actions", "azure-pipelines"] as const) {
      const failure = await ciIssuing(name, environment, routeTo(endpoint.caPem))
        .mint(relayAudience)
        .catch((error: unknown) => error)
      expect(failure).toMatchObject({ _tag: "PathBroken", hop: "identity-provider", cause: "TokenEndpointBusy" })
      expect(String(failure)).toContain(`answered ${status}`)
      expect(JSON.stringify(failure)).not.toContain("runner-secret")
    }
    await endpoint.stop()
  },
)

describe("GitLab CI", () => {
  test("has its tokens in variables, found by their audience; the one that lives longest is used", async () => {
    const soon = Math.floor(Date.now() / 1_000) + 60
    const environment = {
      CLUSTERCONNECT_ID_TOKEN: jwt({ aud: relayAudience }),
      CLUSTERCONNECT_ID_TOKEN_EDGE_1: jwt({ aud: clusterAudience, exp: soon }),
      CLUSTERCONNECT_ID_TOKEN_EDGE_1B: jwt({ aud: clusterAudience, exp: soon + 600 }),
      CLUSTERCONNECT_ID_TOKEN_BROKEN: "none",
      OTHER_ID_TOKEN: jwt({ aud: "other" }),
    }
    const source = ciIssuing("gitlab", environment, { proxy: {} })
    expect(await source.mint(relayAudience)).toBe(environment.CLUSTERCONNECT_ID_TOKEN)
    expect(await source.mint(clusterAudience)).toBe(environment.CLUSTERCONNECT_ID_TOKEN_EDGE_1B)
    await expect(source.mint("other")).rejects.toThrow("add it to the job's id_tokens (4 such variables are set)")
  })
})

describe("Azure Pipelines", () => {
  const environmentOf = (url: string) => ({
    SYSTEM_OIDCREQUESTURI: `${url}/oidctoken`,
    SYSTEM_ACCESSTOKEN: "job-secret",
    AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: "connection",
    AZURESUBSCRIPTION_CLIENT_ID: "client",
    AZURESUBSCRIPTION_TENANT_ID: "the-tenant",
    AZURE_AUTHORITY_HOST: url,
  })
  test("exchanges the job's token for one of Entra's for each audience", async () => {
    const endpoints = await azureEndpoints("job-secret", "client", "connection")
    const source = ciIssuing("azure-pipelines", environmentOf(endpoints.url), routeTo(endpoints.caPem))
    for (const audience of both) expect(audiences(await source.mint(audience))).toEqual([audience])
    expect(endpoints.asked).toHaveLength(4)
    await endpoints.stop()
  })
  test("names what the step lacks, and passes on Entra's own word for a refusal", async () => {
    const endpoints = await azureEndpoints("job-secret", "another-client", "connection")
    const environment = environmentOf(endpoints.url)
    const route = routeTo(endpoints.caPem)
    const without = { ...environment, SYSTEM_ACCESSTOKEN: "" }
    await expect(ciIssuing("azure-pipelines", without, route).mint(relayAudience)).rejects.toThrow("SYSTEM_ACCESSTOKEN")
    for (const name of ["SYSTEM_OIDCREQUESTURI", "AZURE_AUTHORITY_HOST"])
      for (const url of ["oidctoken", "http://127.0.0.1:1/", "//"])
        await expect(
          ciIssuing("azure-pipelines", { ...environment, [name]: url }, route).mint(relayAudience),
        ).rejects.toMatchObject({
          cause: "CiTokenRefused",
          detail: expect.stringContaining(`${name} is not an https URL`),
        })
    const failure = await ciIssuing("azure-pipelines", environment, route)
      .mint(relayAudience)
      .catch((error: unknown) => error)
    expect(String(failure)).toContain("invalid_client (AADSTS700024: expired)")
    expect(JSON.stringify(failure)).not.toContain("job-secret")
    await endpoints.stop()
  })
})
