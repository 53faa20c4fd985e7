import { Schema } from "effect"
import { ClusterConnectSpec } from "./ClusterConnectSpec.ts"
import { ClusterConnectStatus } from "./ClusterConnectStatus.ts"
import { structuralSchema } from "./structuralSchema.ts"

export const group = "clusterconnect.dev"
export const version = "v1alpha1"
export const apiVersion = `${group}/${version}` as const
export const kind = "ClusterConnect"
export const plural = "clusterconnects"
/** Children are `cc-<metadata.name>-<role>`, Services among them: the name has to be a DNS label of this length. */
const longestName = 40

const Metadata = Schema.Struct({
  name: Schema.String,
  uid: Schema.optionalWith(Schema.String, { exact: true }),
  generation: Schema.optionalWith(Schema.Int, { exact: true }),
  resourceVersion: Schema.optionalWith(Schema.String, { exact: true }),
  creationTimestamp: Schema.optionalWith(Schema.String, { exact: true }),
  deletionTimestamp: Schema.optionalWith(Schema.String, { exact: true }),
  finalizers: Schema.optionalWith(Schema.Array(Schema.String), { exact: true }),
  annotations: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), { exact: true }),
  labels: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), { exact: true }),
})

/** The whole resource as the API server gives it, its defaults filled in. */
export const ClusterConnect = Schema.Struct({
  apiVersion: Schema.Literal(apiVersion),
  kind: Schema.Literal(kind),
  metadata: Metadata,
  spec: ClusterConnectSpec,
  status: Schema.optionalWith(ClusterConnectStatus, {
    exact: true,
  }),
})
export type ClusterConnect = typeof ClusterConnect.Type

const condition = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`

const printerColumns = [
  { name: "Cluster", type: "string", jsonPath: ".spec.clusterName", description: "The cluster's name at the relay." },
  { name: "Ready", type: "string", jsonPath: condition("Ready", "status"), description: "Whether it can be used." },
  { name: "Reason", type: "string", jsonPath: condition("Ready", "reason"), description: "Why it is Ready or not." },
  {
    name: "Sessions",
    type: "integer",
    jsonPath: ".status.agent.sessions",
    description: "Control sessions at the relay.",
  },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was created." },
  { name: "Relay", type: "string", jsonPath: ".spec.relay.url", description: "The relay's URL.", priority: 1 },
  { name: "Pin", type: "string", jsonPath: ".status.identityPin", description: "What clients pin.", priority: 1 },
  { name: "Message", type: "string", jsonPath: condition("Ready", "message"), description: "What to do.", priority: 1 },
]

/** The CustomResourceDefinition. */
export const definition = () => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: "Cluster",
    names: { kind, listKind: `${kind}List`, plural, singular: "clusterconnect", shortNames: ["cc"] },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: printerColumns,
        schema: {
          openAPIV3Schema: {
            description:
              "Makes this cluster reachable through a relay without an inbound port: deploys and maintains agent, auth proxy, credentials and impersonation rights.",
            type: "object",
            required: ["metadata", "spec"],
            properties: {
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: { type: "object" },
              spec: structuralSchema(ClusterConnectSpec, "spec"),
              status: {
                ...structuralSchema(ClusterConnectStatus, "status"),
                default: { observedGeneration: -1 },
              },
            },
            "x-kubernetes-validations": [
              {
                rule: `self.metadata.name.size() <= ${longestName} && !self.metadata.name.contains('.')`,
                message: `metadata.name must have at most ${longestName} characters and no dot: names of pods and Services are made of it`,
                reason: "FieldValueInvalid",
              },
            ],
          },
        },
      },
    ],
  },
})
