import { expect, test } from "bun:test"
import { Schema } from "effect"
import { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import { specFault } from "./checkSpec.ts"

const entry = {
  name: "main",
  issuer: { url: "https://idp.example.com" },
  claimMappings: { username: { claim: "sub", prefix: "oidc:" } },
}
const spec = (jwt: unknown, changes: { relay?: object; authentication?: object } = {}) =>
  Schema.decodeUnknownSync(ClusterConnectSpec)({
    clusterName: "edge-1",
    relay: { url: "https://relay.example.com", ...changes.relay },
    authentication: { jwt, ...changes.authentication },
  })
const with_ = (issuer: object, changes: object = {}) => ({
  ...entry,
  ...changes,
  issuer: { ...entry.issuer, ...issuer },
})

test("a spec that an auth proxy takes has no fault", () => expect(specFault(spec([entry]))).toBeUndefined())

const shared = "clusterconnect:relay.example.com"
test.each([
  ["a reserved prefix", with_({}, { claimMappings: { username: { claim: "sub", prefix: "system:" } } }), "prefix"],
  ["keys that are not JSON", with_({ jwks: "no" }), "jwks"],
  ["keys that are no keys", with_({ jwks: '{"keys":[{"kty":"oct","k":"AA"}]}' }), "jwks"],
  ["roots that are no certificates", with_({ certificateAuthority: "no" }), "certificateAuthority"],
  ["an issuer on the machine itself", with_({ url: "https://127.0.0.1" }), "issuer.url"],
  ["the relay's audience", with_({ audiences: [shared] }), `accepts ${shared}, an audience of the relay`],
])("%s is AuthenticationInvalid and named", (_, jwt, named) => {
  const fault = specFault(spec([jwt]))
  expect(fault?.reason).toBe("AuthenticationInvalid")
  expect(fault?.message).toStartWith("spec.authentication: ")
  expect(fault?.message).toContain(named)
})

test.each(["api://relay", "corp-sso"])("a relay that takes more audiences shares none with an entry: %s", (taken) => {
  const relay = { audiences: ["api://relay", "corp-sso"] }
  const jwt = [with_({ audiences: ["own", taken] })]
  const fault = specFault(spec(jwt, { relay }))
  expect(fault?.reason).toBe("AuthenticationInvalid")
  expect(fault?.message).toStartWith(`spec.authentication: jwt main accepts ${taken}, an audience of the relay`)
  expect(specFault(spec(jwt, { relay, authentication: { allowRelayAudience: true } }))).toBeUndefined()
})

test("the relay's audience is taken where it is allowed", () =>
  expect(
    specFault(spec([with_({ audiences: [shared] })], { authentication: { allowRelayAudience: true } })),
  ).toBeUndefined())

test("an issuer that signs for everybody, without a rule on an owner, is MultiTenantIssuer", () => {
  const github = with_({ url: "https://token.actions.githubusercontent.com" })
  expect(specFault(spec([github]))?.reason).toBe("MultiTenantIssuer")
  const owned = { ...github, claimValidationRules: [{ claim: "repository_owner_id", requiredValue: "1" }] }
  expect(specFault(spec([owned]))).toBeUndefined()
})

test.each(["https://relay.example.com:99999", "https://10.0.0.256", "https://[1:2]", "https://xn--a.com"])(
  "a relay URL that the definition lets in and nobody can dial is named: %s",
  (url) => {
    const fault = specFault(spec([entry], { relay: { url } }))
    expect(fault?.reason).toBe("ChildRefused")
    expect(fault?.message).toStartWith(`spec.relay.url: ${url} is no URL`)
  },
)
