import { expect, test } from "bun:test"
import { ClientError, Configuration, customFetch, None, ResponseBodyError, refreshTokenGrant } from "openid-client"
import { jwt } from "../testing/FarEnd.ts"
import { issuerFailure } from "./issuerFailure.ts"

const answered = (status: number, error: string, profile?: string) =>
  issuerFailure(
    "https://idp.example",
    new ResponseBodyError("m", { cause: { error }, response: new Response("{}", { status }) }),
    profile,
  )

test("a provider that is overloaded or out of order has refused nobody; any other error word of its is a refusal", () => {
  for (const [status, error] of [
    [429, "slow"],
    [500, "server_error"],
    [503, "x"],
    [400, "temporarily_unavailable"],
  ] as const)
    expect(answered(status, error)).toMatchObject({ _tag: "PathBroken", hop: "identity-provider", cause: "IssuerBusy" })
  expect(answered(400, "invalid_grant")).toMatchObject({ _tag: "NotAuthenticated", cause: "IssuerRefused" })
})
test("an ID token that has ended by this machine's clock is a matter of the clock", async () => {
  const issuer = "https://idp.example"
  const configuration = new Configuration({ issuer, token_endpoint: `${issuer}/token` }, "c", undefined, None())
  const ended = jwt({ iss: issuer, aud: "c", iat: 1, exp: 2 })
  configuration[customFetch] = async () => Response.json({ token_type: "Bearer", access_token: "a", id_token: ended })
  const failure = await refreshTokenGrant(configuration, "r").then(String, (error) => issuerFailure(issuer, error))
  expect(failure).toMatchObject({ cause: "IssuerAnswerInvalid" })
  expect(String(failure)).toMatch(/here it is 20\S+: check this machine's clock/)
  expect(issuerFailure(issuer, new ClientError("m")).message).not.toContain("clock")
})
test("a login that has ended is begun again by a command for the profile whose it is", () => {
  for (const error of ["invalid_grant", "invalid_target"]) {
    expect(answered(400, error, "work").message).toContain(": clusterconnect login --profile work")
    expect(answered(400, error).message).toContain(": clusterconnect login")
  }
})
