import { describe, expect, test } from "bun:test"
import { Either, Schema } from "effect"
import { JwtEntry } from "../identity/JwtEntry.ts"
import { checkEntries, withDefaultAudience } from "../identity/mappingFaults.ts"
import { ClusterConnect, definition } from "./ClusterConnect.ts"
import { ClusterConnectSpec } from "./ClusterConnectSpec.ts"

const spec = (...jwt: readonly object[]) => ({
  clusterName: "edge-1",
  relay: { url: "https://relay.example" },
  authentication: { jwt },
})
const decode = Schema.decodeUnknownSync(ClusterConnectSpec)

const small = {
  name: "main",
  issuer: { url: "https://idp.example" },
  claimMappings: { username: { claim: "sub", prefix: "main:" } },
}
const github = {
  name: "github",
  issuer: {
    url: "https://token.actions.githubusercontent.com",
    audiences: ["deploy"],
    audienceMatchPolicy: "MatchAny",
  },
  claimMappings: {
    username: { claim: "sub", prefix: "github:" },
    groups: { claim: "repository", prefix: "github:" },
    uid: { claim: "repository_id" },
    extra: [],
  },
  claimValidationRules: [
    { claim: "repository_owner_id", requiredValue: "1" },
    { claim: "ref", requiredValues: ["refs/heads/main", "refs/heads/next"] },
  ],
  userValidationRules: [],
  algorithms: ["RS256", "EdDSA"],
}
const offline = {
  ...small,
  name: "offline",
  issuer: {
    url: "https://offline.example",
    discoveryURL: "https://idp.internal/discovery",
    jwks: JSON.stringify({ keys: [{ kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }),
  },
  claimMappings: { username: { claim: "email", prefix: "offline:" } },
}

describe("an entry of the resource", () => {
  test.each([[[small]], [[github]], [[offline]], [[small, github, offline]]])(
    "is one for the auth proxy (%#)",
    (jwt) => {
      const { authentication } = decode(spec(...jwt))
      const written = Schema.encodeSync(ClusterConnectSpec)(decode(spec(...jwt))).authentication.jwt
      expect(written).toEqual(jwt as never)
      const entries = Schema.decodeUnknownSync(Schema.Array(JwtEntry), { onExcessProperty: "error" })(
        authentication.jwt,
      )
      expect(Either.isRight(checkEntries(withDefaultAudience(entries, "clusterconnect:relay.example/edge-1")))).toBe(
        true,
      )
    },
  )

  test("declares every field that the auth proxy's entry has, but for the one of tests", () => {
    const declared = definition().spec.versions[0]!.schema.openAPIV3Schema.properties.spec
    // biome-ignore lint/suspicious/noExplicitAny: the generated schema is plain JSON
    const entry = (declared as any).properties.authentication.properties.jwt.items.properties
    const missing = Object.keys(JwtEntry.fields).filter((name) => !(name in entry))
    expect(missing).toEqual(["allowLoopback"])
    expect(Object.keys(entry.issuer.properties).sort()).toEqual(Object.keys(JwtEntry.fields.issuer.fields).sort())
  })
})

test("decoding fills in the same defaults as the API server", () => {
  const { impersonation, agent, networkPolicy, suspend } = decode(spec(small))
  expect(impersonation).toEqual({ mode: "Auto", profile: "ReadWrite", allowNested: false })
  expect(agent.replicas).toBe(2)
  expect(agent.resources.limits).toEqual({ memory: "384Mi" })
  expect({ networkPolicy, suspend }).toEqual({ networkPolicy: "Enabled", suspend: false })
})

test("a whole resource decodes with and without a status", () => {
  const object = {
    apiVersion: "clusterconnect.dev/v1alpha1",
    kind: "ClusterConnect",
    metadata: { name: "edge", managedFields: [] },
    spec: spec(small),
  }
  const decoded = Schema.decodeUnknownSync(ClusterConnect)
  expect(decoded(object).status).toBeUndefined()
  expect(decoded({ ...object, status: {} }).status).toEqual({ observedGeneration: -1 })
})
