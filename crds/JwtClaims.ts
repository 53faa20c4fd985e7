import { Schema } from "effect"
import { described, extended, list, notEvaluated, optional, type Rule, text } from "./fields.ts"

/** A claim's name: namespaced ones are URLs. */
const claimLength = 256
/** Begins with no blank and holds no control character; what Unicode has beyond these the operator checks. */
const prefixPattern = /^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$/

const claim = (description: string) => text(description, claimLength)
const expression = text("Not evaluated by ClusterConnect and refused. In Kubernetes: a CEL expression.", 4096, {
  minimum: 0,
})

const claimRequired: Rule = {
  rule: "has(self.claim)",
  message: "claim is required: the name of a claim of the token",
  reason: "FieldValueRequired",
  fieldPath: ".claim",
}

const prefixRules: readonly Rule[] = [
  {
    rule: "has(self.prefix)",
    message: "prefix is required, so that nobody from this issuer has the name of somebody from elsewhere",
    reason: "FieldValueRequired",
    fieldPath: ".prefix",
  },
  {
    rule: "!has(self.prefix) || !(self.prefix.startsWith('system:') || self.prefix.startsWith('kubeadm:') || self.prefix == 'kubernetes-admin')",
    message:
      "prefix must not begin with system: or kubeadm: and must not be kubernetes-admin: these names are Kubernetes' own",
    reason: "FieldValueInvalid",
    fieldPath: ".prefix",
  },
]

const prefixed = (description: string, of: string) =>
  Schema.Struct({
    claim: optional(claim(`Required. The claim that holds ${of}.`)),
    prefix: optional(
      text("Required. Put in front of the claim's value. No prefix may begin with the prefix of another entry.", 256, {
        pattern: prefixPattern,
      }),
    ),
    expression: optional(expression),
  }).pipe(described(description), extended({ rules: [claimRequired, ...prefixRules, notEvaluated("expression")] }))

const Uid = Schema.Struct({
  claim: optional(claim("Required. The claim that holds the uid.")),
  expression: optional(expression),
}).pipe(described("The user's uid. Default: none."), extended({ rules: [claimRequired, notEvaluated("expression")] }))

const Extra = Schema.Struct({
  key: text("The key of the extra attribute.", 256),
  valueExpression: text("Not evaluated by ClusterConnect and refused. In Kubernetes: a CEL expression.", 4096, {
    minimum: 0,
  }),
}).pipe(extended({ rules: [notEvaluated("valueExpression")] }))

/** How claims become a user. */
export const ClaimMappings = Schema.Struct({
  username: prefixed("The user's name.", "the name; email counts only when email_verified is not false"),
  groups: optional(prefixed("The user's groups. Default: none.", "a group or a list of groups")),
  uid: optional(Uid),
  extra: optional(
    list("Not evaluated by ClusterConnect: an entry is refused.", Extra, 32, { listType: "map", listMapKeys: ["key"] }),
  ),
}).pipe(described("How claims become the user that the API server sees."))

/** What a claim must be. */
export const ClaimValidationRule = Schema.Struct({
  claim: optional(claim("Required. The claim that is compared.")),
  requiredValue: optional(text("The value that the claim must have.", 1024)),
  requiredValues: optional(
    list("The claim must have one of these values.", text("A value.", 1024), 64, { minimum: 1, listType: "set" }),
  ),
  expression: optional(expression),
  message: optional(
    text("Not evaluated by ClusterConnect and refused. In Kubernetes: belongs to expression.", 1024, { minimum: 0 }),
  ),
}).pipe(
  extended({
    rules: [
      claimRequired,
      {
        rule: "has(self.requiredValue) || has(self.requiredValues)",
        message: "requiredValue or requiredValues is required",
        reason: "FieldValueRequired",
        fieldPath: ".requiredValue",
      },
      notEvaluated("expression"),
      notEvaluated("message"),
    ],
  }),
)

/** Declared, so that it is refused and not pruned. */
export const UserValidationRule = Schema.Struct({
  expression: text("Not evaluated by ClusterConnect and refused. In Kubernetes: a CEL expression.", 4096, {
    minimum: 0,
  }),
  message: optional(
    text("Not evaluated by ClusterConnect. In Kubernetes: shown to who is refused.", 1024, { minimum: 0 }),
  ),
})
