import { Schema } from "effect"
import { clusterNamePattern } from "../../protocol/names.ts"

/** What an entry lets its callers do. `admin` includes the two others; `enrol` and `connect` do not include each other. */
export const Role = Schema.Literal("connect", "enrol", "admin")
export type Role = typeof Role.Type

/** A cluster's name, in which `*` stands for any characters; `*` alone is every cluster. */
const ClusterPattern = Schema.String.pipe(
  Schema.filter((text) => /^[-a-z0-9*]{1,64}$/.test(text) && (text.includes("*") || clusterNamePattern.test(text)), {
    message: () => "expected the name of a cluster, or a pattern of one with *",
  }),
)

/** Callers of one issuer with these claims may act in this role on these clusters. */
export const PolicyEntry = Schema.Struct({
  /** `name` or `issuer.url` of an entry in `issuers`. */
  issuer: Schema.NonEmptyString,
  /** Each named claim must have one of its values; a claim that is a list must contain one. */
  claims: Schema.optionalWith(
    Schema.Record({ key: Schema.NonEmptyString, value: Schema.NonEmptyArray(Schema.NonEmptyString) }),
    { default: () => ({}) },
  ),
  clusters: Schema.NonEmptyArray(ClusterPattern),
  role: Role,
})
export type PolicyEntry = typeof PolicyEntry.Type
