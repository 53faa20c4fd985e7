import { expect, test } from "bun:test"
import { Either } from "effect"
import fc from "fast-check"
import { AuthProxyConfiguration } from "../../agent/authproxy/configuration/AuthProxyConfiguration.ts"
import { settingsOf } from "../../agent/authproxy/configuration/settings.ts"
import { decodeConfiguration } from "../../platform/configuration.ts"
import { authProxyConfiguration, configurationHash } from "./authProxyConfiguration.ts"
import { childrenInput } from "./testing/childrenInput.ts"

const written = (...[changes]: Parameters<typeof childrenInput>) =>
  authProxyConfiguration(childrenInput(changes).resource.spec)
const read = (text: string) => Either.getOrThrow(decodeConfiguration(AuthProxyConfiguration, text, "auth-proxy.yaml"))
const entry = (name: string, issuer: object = {}) => ({
  name,
  issuer: { url: `https://${name}.example.com`, ...issuer },
  claimMappings: { username: { claim: "sub", prefix: `${name}:` } },
})

test("it is the text that a person can read, the same whenever it is made", () =>
  expect(written()).toBe(`authentication:
  allowRelayAudience: false
  jwt:
    - algorithms:
        - RS256
      claimMappings:
        username:
          claim: sub
          prefix: "main:"
      issuer:
        audiences:
          - clusterconnect:relay.example.com:8443/edge-1
        url: https://idp.example.com
      name: main
  maxSessionSeconds: 43200
clusterName: edge-1
impersonation:
  allowNested: false
  mode: Auto
  profile: ReadWrite
relay:
  audiences:
    - clusterconnect:relay.example.com:8443
  url: https://relay.example.com:8443
`))

test("its hash is the one that the auth proxy finds", () =>
  expect(configurationHash(written())).toBe(read(written()).hash))

test("the auth proxy reads of it what the spec says", () => {
  // As a file of a Windows editor has it.
  const certificateAuthority = childrenInput().credentials.leaf.certificatePem.replaceAll("\n", "\r\n")
  const text = written({
    relay: { url: "https://relay.example.com", audiences: ["relay"] },
    authentication: {
      jwt: [
        { ...entry("a", { audiences: ["x", "y"], audienceMatchPolicy: "MatchAny" }), algorithms: ["ES256", "EdDSA"] },
        {
          ...entry("b", { discoveryURL: "https://b.example.com/other", certificateAuthority }),
          claimValidationRules: [{ claim: "org", requiredValues: ["no", "1", "null"] }],
        },
      ],
      allowRelayAudience: true,
      maxSessionSeconds: 60,
    },
    impersonation: { mode: "Legacy", profile: "ReadOnly", allowNested: true },
    authProxy: { limits: { streamsPerCaller: 7, windowBytes: 2_097_152 } },
  })
  const { value } = read(text)
  const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "443" }
  const settings = Either.getOrThrow(settingsOf(value, environment))
  expect(settings).toMatchObject({
    clusterName: "edge-1",
    allowRelayAudience: true,
    maxSessionMillis: 60_000,
    impersonation: { mode: "Legacy", profile: "ReadOnly", allowNested: true },
    limits: { streamsPerCaller: 7, streams: 2_000, windowBytes: 2_097_152 },
    entries: [
      { name: "a", issuer: { audiences: ["x", "y"] }, algorithms: ["ES256", "EdDSA"] },
      {
        name: "b",
        issuer: { audiences: ["clusterconnect:relay.example.com/edge-1"], certificateAuthority },
        claimValidationRules: [{ claim: "org", requiredValues: ["no", "1", "null"] }],
      },
    ],
  })
})

test("the auth proxy refuses tokens for every audience that the spec names for the relay", () => {
  const audiences = ["clusterconnect:relay.example.com:8443", "corp-sso"]
  const { value } = read(written({ relay: { url: "https://relay.example.com:8443/", audiences } }))
  const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "443" }
  expect(Either.getOrThrow(settingsOf(value, environment)).refusedAudiences).toEqual(audiences)
})

test("no text of a spec's becomes another one on the way", () =>
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 40 }), (text) => {
      // A spec is JSON at the API server, where no lone surrogate can stand.
      fc.pre(text.isWellFormed())
      const { value } = read(written({ authentication: { jwt: [entry("a", { certificateAuthority: text })] } }))
      expect(value.authentication.jwt[0].issuer.certificateAuthority).toBe(text)
    }),
    { numRuns: 300 },
  ))
