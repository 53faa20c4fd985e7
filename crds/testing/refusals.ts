// biome-ignore lint/suspicious/noExplicitAny: tests take objects apart and spoil them
export type Loose = any

const jwt = (name: string): Loose => ({
  name,
  issuer: { url: `https://${name}.example` },
  claimMappings: {
    username: { claim: "sub", prefix: `${name}:` },
    groups: { claim: "groups", prefix: `${name}:` },
  },
})
/** The smallest resource that is accepted. */
export const sample = (name: string): Loose => ({
  apiVersion: "clusterconnect.dev/v1alpha1",
  kind: "ClusterConnect",
  metadata: { name },
  spec: {
    clusterName: "edge-1",
    relay: { url: "https://relay.example" },
    authentication: { jwt: [jwt("main")] },
  },
})

const first = (object: Loose) => object.spec.authentication.jwt[0]
const two = (change: (second: Loose) => void) => (object: Loose) => {
  const second = jwt("other")
  change(second)
  object.spec.authentication.jwt.push(second)
}
const rule = (fields: object) => (object: Loose) => {
  first(object).claimValidationRules = [fields]
}

/** Field that the answer must name, the change that is refused, one nearby that is accepted. */
export const refusals: readonly (readonly [string, (object: Loose) => void, (object: Loose) => void])[] = [
  [
    "metadata.name",
    (o) => Object.assign(o.metadata, { name: "a".repeat(41) }),
    (o) => Object.assign(o.metadata, { name: "a".repeat(40) }),
  ],
  [
    "metadata.name",
    (o) => Object.assign(o.metadata, { name: "a.b" }),
    (o) => Object.assign(o.metadata, { name: "a-b" }),
  ],
  [
    "spec.clusterName",
    (o) => Object.assign(o.spec, { clusterName: "Edge" }),
    (o) => Object.assign(o.spec, { clusterName: "e".repeat(40) }),
  ],
  [
    "spec.relay.url",
    (o) => Object.assign(o.spec.relay, { url: "https://relay.example/path" }),
    (o) => Object.assign(o.spec.relay, { url: "https://[2001:db8::1]:8443" }),
  ],
  [
    "spec.relay.audiences",
    (o) => Object.assign(o.spec.relay, { audiences: [] }),
    (o) => Object.assign(o.spec.relay, { audiences: ["corp-sso"] }),
  ],
  [
    "spec.relay.audiences[1]",
    (o) => Object.assign(o.spec.relay, { audiences: ["corp-sso", "corp-sso"] }),
    (o) => Object.assign(o.spec.relay, { audiences: ["clusterconnect:relay.example", "corp-sso"] }),
  ],
  [
    "spec.relay.audiences[0]",
    (o) => Object.assign(o.spec.relay, { audiences: [""] }),
    (o) => Object.assign(o.spec.relay, { audiences: ["a".repeat(512)] }),
  ],
  [
    "spec.relay.audiences",
    (o) => Object.assign(o.spec.relay, { audiences: Array.from({ length: 65 }, (_, at) => `audience-${at}`) }),
    (o) => Object.assign(o.spec.relay, { audiences: Array.from({ length: 64 }, (_, at) => `audience-${at}`) }),
  ],
  [
    "spec.image.tag",
    (o) => Object.assign(o.spec, { image: { tag: "v1", digest: `sha256:${"0".repeat(64)}` } }),
    (o) => Object.assign(o.spec, { image: { digest: `sha256:${"0".repeat(64)}` } }),
  ],
  ["authentication.jwt", (o) => Object.assign(o.spec.authentication, { jwt: [] }), () => {}],
  ["authentication.jwt[1]", two((s) => Object.assign(s, { name: "main" })), two(() => {})],
  ["issuer.url", two((s) => Object.assign(s.issuer, { url: "https://main.example" })), two(() => {})],
  ["issuer.url", (o) => Object.assign(first(o).issuer, { url: "http://main.example" }), () => {}],
  [
    "username.prefix",
    two((s) => Object.assign(s.claimMappings.username, { prefix: "main:x" })),
    two((s) => Object.assign(s.claimMappings.username, { prefix: "mai:" })),
  ],
  ["username.prefix", two((s) => Object.assign(s.claimMappings.username, { prefix: "main:" })), two(() => {})],
  ["username.prefix", (o) => Object.assign(first(o).claimMappings.username, { prefix: "" }), () => {}],
  ["username.prefix", (o) => delete first(o).claimMappings.username.prefix, () => {}],
  [
    "username.prefix",
    (o) => Object.assign(first(o).claimMappings.username, { prefix: "system:x" }),
    (o) => Object.assign(first(o).claimMappings.username, { prefix: "systems:" }),
  ],
  [
    "groups.prefix",
    two((s) => Object.assign(s.claimMappings.groups, { prefix: "main" })),
    two((s) => delete s.claimMappings.groups),
  ],
  ["groups.prefix", (o) => delete first(o).claimMappings.groups.prefix, (o) => delete first(o).claimMappings.groups],
  ["groups.prefix", (o) => Object.assign(first(o).claimMappings.groups, { prefix: "kubeadm:" }), () => {}],
  ["username.claim", (o) => delete first(o).claimMappings.username.claim, () => {}],
  ["groups.claim", (o) => delete first(o).claimMappings.groups.claim, () => {}],
  [
    "uid.claim",
    (o) => Object.assign(first(o).claimMappings, { uid: {} }),
    (o) => Object.assign(first(o).claimMappings, { uid: { claim: "sub" } }),
  ],
  [
    "username.expression",
    (o) => Object.assign(first(o).claimMappings, { username: { expression: "claims.sub" } }),
    () => {},
  ],
  ["groups.expression", (o) => Object.assign(first(o).claimMappings.groups, { expression: "" }), () => {}],
  ["uid.expression", (o) => Object.assign(first(o).claimMappings, { uid: { expression: "claims.sub" } }), () => {}],
  [
    "extra[0].valueExpression",
    (o) => Object.assign(first(o).claimMappings, { extra: [{ key: "a.example/b", valueExpression: "claims.b" }] }),
    (o) => Object.assign(first(o).claimMappings, { extra: [] }),
  ],
  [
    "extra[0].valueExpression",
    (o) => Object.assign(first(o).claimMappings, { extra: [{ key: "a.example/b" }] }),
    () => {},
  ],
  [
    "userValidationRules",
    (o) => Object.assign(first(o), { userValidationRules: [{ expression: "true" }] }),
    (o) => Object.assign(first(o), { userValidationRules: [] }),
  ],
  ["claimValidationRules[0].expression", rule({ expression: "true" }), rule({ claim: "a", requiredValue: "b" })],
  [
    "claimValidationRules[0].message",
    rule({ claim: "a", requiredValue: "b", message: "no" }),
    rule({ claim: "a", requiredValues: ["b", "c"] }),
  ],
  ["claimValidationRules[0].claim", rule({ requiredValue: "b" }), () => {}],
  ["claimValidationRules[0].requiredValue", rule({ claim: "a" }), () => {}],
  [
    "issuer.egressSelectorType",
    (o) => Object.assign(first(o).issuer, { egressSelectorType: "cluster" }),
    (o) => Object.assign(first(o).issuer, { egressSelectorType: "" }),
  ],
  [
    "issuer.discoveryURL",
    (o) => Object.assign(first(o).issuer, { discoveryURL: "https://main.example" }),
    (o) => Object.assign(first(o).issuer, { discoveryURL: "https://main.internal/.well-known/openid-configuration" }),
  ],
  [
    "maxSessionSeconds",
    (o) => Object.assign(o.spec.authentication, { maxSessionSeconds: 59 }),
    (o) => Object.assign(o.spec.authentication, { maxSessionSeconds: 60 }),
  ],
  [
    "spec.agent.replicas",
    (o) => Object.assign(o.spec, { agent: { replicas: 0 } }),
    (o) => Object.assign(o.spec, { agent: { replicas: 1 } }),
  ],
  [
    "spec.agent.replicas",
    (o) => Object.assign(o.spec, { agent: { replicas: 9 } }),
    (o) => Object.assign(o.spec, { agent: { replicas: 8 } }),
  ],
  [
    "spec.authProxy.limits.windowBytes",
    (o) => Object.assign(o.spec, { authProxy: { limits: { windowBytes: 1 } } }),
    (o) => Object.assign(o.spec, { authProxy: { limits: { windowBytes: 1_048_576 } } }),
  ],
  [
    "spec.authProxy.logLevel",
    (o) => Object.assign(o.spec, { authProxy: { logLevel: "trace" } }),
    (o) => Object.assign(o.spec, { authProxy: { logLevel: "debug" } }),
  ],
  [
    "resources.limits.cpu",
    (o) => Object.assign(o.spec, { agent: { resources: { limits: { cpu: "many" } } } }),
    (o) => Object.assign(o.spec, { agent: { resources: { limits: { cpu: 1 } } } }),
  ],
]
