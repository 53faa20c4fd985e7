import { JSONSchema } from "effect"
import { RelayConfiguration } from "../../relay/configuration/RelayConfiguration.ts"

/** What the chart says in the configuration file, see templates/_helpers.tpl; and the file that it cannot give to the pod: `clusters` says the same. */
const setByChart = [
  "listen",
  "tls",
  "tlsTerminatedElsewhere",
  "healthListen",
  "database",
  "downloadDirectory",
  "clustersFile",
]

const closed = (properties: Readonly<Record<string, object>>) => ({
  type: "object",
  additionalProperties: false,
  properties,
})
const text = { type: "string" }
const toggle = { type: "boolean" }
const texts = { type: "object", additionalProperties: text }
const list = (items: object) => ({ type: "array", items })
const port = { type: "integer", minimum: 1, maximum: 65_535 }
const object = { type: "object" }

/** The schema of `config`: the relay's own, without what the chart says, and with its own words for publicUrl. */
const configuration = () => {
  const {
    $schema: _schema,
    $defs,
    ...schema
  } = JSON.parse(JSON.stringify(JSONSchema.make(RelayConfiguration), withoutIds))
  const { properties, required, ...rest } = schema
  const left = Object.entries(properties).filter(([key]) => !setByChart.includes(key))
  return {
    $defs,
    config: {
      ...rest,
      required: required.filter((key: string) => !setByChart.includes(key)),
      properties: { ...Object.fromEntries(left), publicUrl: { type: "string", pattern: "^https://[^/\\s]+$" } },
    },
  }
}

/** Effect names its schema of any value; a name may stand only once in a document. */
const withoutIds = (key: string, value: unknown) => (key === "$id" ? undefined : value)

/** values.schema.json of the relay's chart: its `config` is what the relay itself accepts, so that a mistake is found before anything is installed. */
export const relayValuesSchema = (): string => {
  const { $defs, config } = configuration()
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    $defs,
    required: ["config"],
    ...closed({
      global: object,
      config,
      tls: closed({ secretName: text, terminatedElsewhere: toggle }),
      image: closed({
        repository: { type: "string", pattern: "^([^@\\s:]+(:\\d+/)?[^@\\s:]*)?$" },
        tag: { type: "string", pattern: "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$" },
        digest: { type: "string", pattern: "^(sha256:[0-9a-f]{64})?$" },
        pullPolicy: { enum: ["Always", "IfNotPresent", "Never"] },
        pullSecrets: list({ type: "string", minLength: 1 }),
      }),
      logLevel: { enum: ["debug", "info", "warn", "error"] },
      service: closed({
        type: { enum: ["ClusterIP", "NodePort", "LoadBalancer"] },
        port,
        annotations: texts,
        loadBalancerClass: text,
        loadBalancerSourceRanges: list(text),
        externalTrafficPolicy: { enum: ["Local", "Cluster"] },
      }),
      ingress: closed({ enabled: toggle, className: text, annotations: texts, tlsSecretName: text }),
      gateway: closed({ enabled: toggle, parentRefs: list(object) }),
      persistence: closed({ enabled: toggle, size: text, storageClassName: text, annotations: texts }),
      downloads: closed({ claimName: text }),
      env: texts,
      resources: closed({ requests: object, limits: object, claims: list(object) }),
      nodeSelector: texts,
      tolerations: list(object),
      affinity: object,
      podAnnotations: texts,
      priorityClassName: text,
      networkPolicy: closed({
        enabled: toggle,
        metricsFrom: list(object),
        egressPorts: { ...list(port), minItems: 1 },
      }),
      podDisruptionBudget: closed({ enabled: toggle }),
    }),
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}
