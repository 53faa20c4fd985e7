import { expect, test } from "bun:test"
import { definition } from "../../crds/ClusterConnect.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { missingFields } from "./crdOutdated.ts"

/** The definition as served, after `change` to its one version. */
const served = (change: (version: { name: string; schema: { openAPIV3Schema: Node } }) => void): KubernetesObject => {
  const whole = JSON.parse(JSON.stringify(definition()))
  change(whole.spec.versions[0])
  return whole
}
interface Node {
  properties: Record<string, Node>
  items: Node
}

test("the operator's own definition lacks nothing", () => expect(missingFields(served(() => {}))).toEqual([]))

test("a later definition with more fields lacks nothing", () =>
  expect(
    missingFields(
      served(({ schema }) => {
        Object.assign(schema.openAPIV3Schema.properties.spec?.properties ?? {}, { later: { type: "string" } })
      }),
    ),
  ).toEqual([]))

test("an older one is named by the fields that it lacks, also deep ones", () =>
  expect(
    missingFields(
      served(({ schema }) => {
        const spec = schema.openAPIV3Schema.properties.spec?.properties
        delete spec?.suspend
        delete spec?.authentication?.properties.jwt?.items.properties.claimValidationRules
      }),
    ),
  ).toEqual(["spec.authentication.jwt[].claimValidationRules", "spec.suspend"]))

test("one without our version lacks the version", () =>
  expect(
    missingFields(
      served((version) => {
        version.name = "v1beta1"
      }),
    ),
  ).toEqual(["v1alpha1"]))
