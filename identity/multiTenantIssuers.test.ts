import { expect, test } from "bun:test"
import { unlimitedService } from "./multiTenantIssuers.ts"

test("a tenant that cannot be decoded is no tenant of everybody, and no fault of the program", () => {
  expect(unlimitedService(new URL("https://login.microsoftonline.com/%zz/v2.0"), [])).toBeUndefined()
})

test("an encoded tenant of everybody is recognised", () => {
  expect(unlimitedService(new URL("https://login.microsoftonline.com/c%6fmmon/v2.0"), [])?.ownerClaims).toEqual(["tid"])
})
