import { Schema } from "effect"
import { choice, defaulting, described, dictionary, extended, integer, list, optional, text } from "./fields.ts"

/** Longest qualified name of a label: a DNS subdomain of 253, a slash and 63. */
const labelKeyLength = 317
const labelValueLength = 63
/** Far above what a pod needs; keeps the whole resource small. */
const maximumTerms = 16

const label = (description: string) => text(description, labelValueLength, { minimum: 0 })

const Quantity = Schema.Union(Schema.Int, Schema.String)
  .annotations({ description: "A quantity, as 100m or 128Mi." })
  .pipe(
    extended({
      intOrString: { maxLength: 32, pattern: "^[0-9]+(\\.[0-9]+)?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$" },
    }),
  )

const Resources = Schema.Struct({
  requests: optional(dictionary("What is reserved for the container.", Quantity, 8)),
  limits: optional(dictionary("What the container may use at most.", Quantity, 8)),
}).pipe(described("Resources of the container, as in a pod."))

const Toleration = Schema.Struct({
  key: optional(text("The taint's key; empty with Exists matches every taint.", labelKeyLength, { minimum: 0 })),
  operator: optional(choice("How key and value are compared. Default: Equal.", "Exists", "Equal", "Lt", "Gt")),
  value: optional(label("The taint's value.")),
  effect: optional(
    choice("The taint's effect; left out: every effect.", "NoSchedule", "PreferNoSchedule", "NoExecute"),
  ),
  tolerationSeconds: optional(integer("Seconds for which a NoExecute taint is tolerated.", 0, 2_147_483_647)),
})

const NodeRequirement = Schema.Struct({
  key: text("Key of the node's label or field.", labelKeyLength),
  operator: choice("How it is compared.", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
  values: optional(list("Values to compare with.", label("A value."), 64)),
})

const NodeTerm = Schema.Struct({
  matchExpressions: optional(list("Requirements on the node's labels.", NodeRequirement, maximumTerms)),
  matchFields: optional(list("Requirements on the node's fields.", NodeRequirement, maximumTerms)),
})

const weight = integer("Added to a node's score when the term matches: 1 to 100.", 1, 100)

const NodeAffinity = Schema.Struct({
  requiredDuringSchedulingIgnoredDuringExecution: optional(
    Schema.Struct({
      nodeSelectorTerms: list("One of these must match.", NodeTerm, maximumTerms, { minimum: 1 }),
    }).pipe(described("What a node must have.")),
  ),
  preferredDuringSchedulingIgnoredDuringExecution: optional(
    list(
      "What a node should have.",
      Schema.Struct({ weight, preference: NodeTerm.pipe(described("What is preferred.")) }),
      maximumTerms,
    ),
  ),
})

const LabelRequirement = Schema.Struct({
  key: text("Key of the label.", labelKeyLength),
  operator: choice("How it is compared.", "In", "NotIn", "Exists", "DoesNotExist"),
  values: optional(list("Values to compare with.", label("A value."), 64)),
})

const LabelSelector = Schema.Struct({
  matchLabels: optional(dictionary("Labels that must have these values.", label("A value."), 32)),
  matchExpressions: optional(list("Requirements on labels.", LabelRequirement, maximumTerms)),
})

const PodTerm = Schema.Struct({
  labelSelector: optional(LabelSelector.pipe(described("The pods that are meant."))),
  namespaces: optional(list("Namespaces of these pods. Default: the operator's.", text("A namespace.", 63), 64)),
  namespaceSelector: optional(LabelSelector.pipe(described("Namespaces of these pods, by label."))),
  topologyKey: text("Label of nodes that says what counts as one place.", labelKeyLength),
  matchLabelKeys: optional(
    list("Keys of our pod's labels that the pods must share.", text("A key.", labelKeyLength), 16),
  ),
  mismatchLabelKeys: optional(
    list("Keys of our pod's labels that the pods must not share.", text("A key.", labelKeyLength), 16),
  ),
})

const PodAffinity = Schema.Struct({
  requiredDuringSchedulingIgnoredDuringExecution: optional(list("Terms that must all hold.", PodTerm, maximumTerms)),
  preferredDuringSchedulingIgnoredDuringExecution: optional(
    list(
      "Terms that should hold.",
      Schema.Struct({ weight, podAffinityTerm: PodTerm.pipe(described("What is preferred.")) }),
      maximumTerms,
    ),
  ),
})

const Affinity = Schema.Struct({
  nodeAffinity: optional(NodeAffinity.pipe(described("Which nodes."))),
  podAffinity: optional(PodAffinity.pipe(described("Near which pods."))),
  podAntiAffinity: optional(PodAffinity.pipe(described("Away from which pods."))),
}).pipe(described("Where pods run, as in a pod. Default: replicas are spread over nodes."))

const budget = "From 2 on, a PodDisruptionBudget keeps all but one."

/** A relay admits 16 control sessions of a cluster; of two agents for each place, one leaves while the other comes. */
export const agentReplicas = integer(
  `Number of pods: 1 to 8, because a relay admits 16 agents of a cluster, and a rollout may have two for each. ${budget}`,
  1,
  8,
)
export const authProxyReplicas = integer(`Number of pods: 1 to 20. ${budget}`, 1, 20)

/** Fields for number, size, place and log of the pods of one role. */
export const workload = (replicas: typeof agentReplicas, resources: typeof Resources.Encoded) => ({
  replicas: defaulting(replicas, 2),
  resources: defaulting(Resources, resources),
  nodeSelector: optional(dictionary("Labels that a node must have.", label("A value."), 32)),
  tolerations: optional(list("Taints that the pods tolerate.", Toleration, 32)),
  affinity: optional(Affinity),
  logLevel: optional(
    choice(
      "Least severe log lines that are written; audit lines always are. Default: info.",
      ...(["debug", "info", "warn", "error"] as const),
    ),
  ),
})
