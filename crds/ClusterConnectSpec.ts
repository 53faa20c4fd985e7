import { Schema } from "effect"
import { choice, defaulting, described, extended, flag, integer, list, optional, text } from "./fields.ts"
import { Authentication } from "./JwtAuthentication.ts"
import { agentReplicas, authProxyReplicas, workload } from "./Placement.ts"

const SecretReference = (description: string) =>
  Schema.Struct({
    name: text("Name of a Secret in the operator's namespace.", 253, { pattern: /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/ }),
    key: text("Key in this Secret.", 253, { pattern: /^[-._a-zA-Z0-9]+$/ }),
  }).pipe(described(description))

/** 16 issuers, more than were seen at one relay, with 4 audiences each are 64. */
const maximumRelayAudiences = 64

const Relay = Schema.Struct({
  url: text("The relay's public URL: https://host or https://host:port, without a path.", 300, {
    pattern: /^https:\/\/([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?\/?$/,
  }),
  audiences: optional(
    list(
      "Every audience that the relay accepts, its own and those of its issuers (issuer.audiences); a token for one of them is refused here, because the relay could use it as its user. A list replaces the default: clusterconnect:<relay host>.",
      text("An audience.", 512),
      maximumRelayAudiences,
      { minimum: 1, listType: "set" },
    ),
  ),
  caBundle: optional(
    text("PEM certificates to trust for the relay, in addition to the system's.", 65_536, {
      pattern: /-----BEGIN CERTIFICATE-----/,
    }),
  ),
  joinTokenSecretRef: optional(
    SecretReference(
      "The join token. Left out: the identity key has to be listed at the relay (condition reason AwaitingRegistration).",
    ),
  ),
  httpProxySecretRef: optional(
    SecretReference("URL of an HTTP proxy, with its user and password. Relay and issuers are dialled through it."),
  ),
  noProxy: optional(
    list(
      "Hosts, domains, addresses and networks that are dialled directly, as in NO_PROXY.",
      text("A host, .domain, address or CIDR.", 253),
      64,
      {
        listType: "set",
      },
    ),
  ),
}).pipe(described("The relay that this cluster is reached by."))

const Impersonation = Schema.Struct({
  mode: defaulting(
    choice(
      "Constrained uses Kubernetes' constrained impersonation (1.36 and later), Legacy the verb impersonate. Auto takes Constrained where the server has it.",
      ...(["Auto", "Constrained", "Legacy"] as const),
    ),
    "Auto",
  ),
  profile: defaulting(
    choice(
      "ReadOnly lets nobody change anything, exec, attach, copy or forward ports, whatever their rights.",
      "ReadWrite",
      "ReadOnly",
    ),
    "ReadWrite",
  ),
  allowNested: defaulting(
    flag("Lets callers impersonate in turn (kubectl --as), as far as their own rights in the cluster allow."),
    false,
  ),
}).pipe(described("How the auth proxy acts as the caller."))

const Image = Schema.Struct({
  repository: optional(text("Image name without tag and digest.", 512, { pattern: /^[a-z0-9][-a-zA-Z0-9._:/]*$/ })),
  tag: optional(text("Tag; not together with digest.", 128, { pattern: /^[A-Za-z0-9_][-A-Za-z0-9_.]*$/ })),
  digest: optional(
    text("Digest, sha256:<64 hex digits>; not together with tag.", 71, { pattern: /^sha256:[0-9a-f]{64}$/ }),
  ),
  pullPolicy: optional(
    choice("When the image is pulled. Default: as Kubernetes does.", "Always", "IfNotPresent", "Never"),
  ),
  pullSecrets: optional(
    list(
      "Secrets in the operator's namespace for pulling the image.",
      Schema.Struct({ name: text("Name of the Secret.", 253) }),
      8,
      { listType: "map", listMapKeys: ["name"] },
    ),
  ),
}).pipe(
  described("Image of agent and auth proxy. What is left out comes from the operator's own."),
  extended({
    rules: [
      {
        rule: "!(has(self.tag) && has(self.digest))",
        message: "tag and digest exclude each other; remove tag",
        reason: "FieldValueInvalid",
        fieldPath: ".tag",
      },
    ],
  }),
)

const days = (of: string) => integer(`Days after which ${of} is replaced: 1 to 365.`, 1, 365)

const CredentialRotation = Schema.Struct({
  agentKeyDays: defaulting(days("the agent's session key"), 30),
  servingCertificateDays: defaulting(days("the auth proxy's serving certificate"), 30),
}).pipe(described("When credentials are replaced. The new one is proven before the old one goes."))

const Limits = Schema.Struct({
  streamsPerCaller: optional(integer("Streams of one caller at a time. Default: 256.", 1, 100_000)),
  streams: optional(integer("Streams of all callers at a time. Default: 2000.", 1, 100_000)),
  windowBytes: optional(
    integer(
      "What all streams may hold in memory beyond 16 KiB per direction each: 1 MiB to 1 GiB. Default: 134217728 (128 MiB). Raise the memory limit with it.",
      1_048_576,
      1_073_741_824,
    ),
  ),
}).pipe(described("Limits of each pod. A change replaces the pods."))

/** What a user writes. Fields with a default are there once the API server, or decoding, has seen the object. */
export const ClusterConnectSpec = Schema.Struct({
  clusterName: text(
    "The cluster's name at the relay: at most 40 lower-case letters, digits and dashes. Immutable.",
    40,
    {
      pattern: /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/,
    },
  ),
  relay: Relay,
  authentication: Authentication,
  impersonation: defaulting(Impersonation, {}),
  image: optional(Image),
  agent: defaulting(
    Schema.Struct(
      workload(agentReplicas, { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "384Mi" } }),
    ).pipe(described("Pods of the agent, which dials the relay.")),
    {},
  ),
  // 128 MiB of windows beside the program itself (docs/streams.md), and 100 slow readers below the 60 % at which some would be ended (docs/decisions/0081).
  authProxy: defaulting(
    Schema.Struct({
      ...workload(authProxyReplicas, { requests: { cpu: "100m", memory: "192Mi" }, limits: { memory: "1536Mi" } }),
      limits: optional(Limits),
    }).pipe(described("Pods of the auth proxy, which authenticates callers and impersonates them.")),
    {},
  ),
  networkPolicy: defaulting(
    choice("Enabled: NetworkPolicies let agent and auth proxy talk only to what they need.", "Enabled", "Disabled"),
    "Enabled",
  ),
  credentialRotation: defaulting(CredentialRotation, {}),
  suspend: defaulting(flag("Stops reconciling; what runs goes on running."), false),
}).pipe(
  described("What is wanted."),
  extended({
    rules: [
      {
        // On spec, because a rule on the field itself is passed by removing the field and setting it again.
        rule: "self.clusterName == oldSelf.clusterName",
        message: "clusterName is immutable; delete the resource and create one with the other name",
        reason: "FieldValueInvalid",
        fieldPath: ".clusterName",
      },
    ],
  }),
)
export type ClusterConnectSpec = typeof ClusterConnectSpec.Type
