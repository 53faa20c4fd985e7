import { expect, test } from "bun:test"
import { ResponseBodyError } from "openid-client"
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
test("a login that has ended is begun again by a command for the profile whose it is", () => {
  for (const error of ["invalid_grant", "invalid_target"]) {
    expect(answered(400, error, "work").message).toContain(": clusterconnect login --profile work")
    expect(answered(400, error).message).toContain(": clusterconnect login")
  }
})
