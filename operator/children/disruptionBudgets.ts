import type { KubernetesObject, ObjectRef } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { type Component, childMetadata } from "./childMetadata.ts"
import { childName, selectorLabels } from "./childNames.ts"

const type = { apiVersion: "policy/v1", kind: "PodDisruptionBudget" } as const
const components = ["agent", "auth-proxy"] as const

const replicasOf = ({ agent, authProxy }: ChildrenInput["resource"]["spec"], component: Component) =>
  (component === "agent" ? agent : authProxy).replicas

/** With one pod a budget would only block draining the node. */
const isBudgeted =
  ({ resource }: ChildrenInput) =>
  (component: Component) =>
    replicasOf(resource.spec, component) > 1

/** All but one stay. Pods that are not ready may always go: an agent without its relay must not block a node's draining. */
export const disruptionBudgets = (input: ChildrenInput): readonly KubernetesObject[] =>
  components.filter(isBudgeted(input)).map((component) => ({
    ...type,
    metadata: childMetadata(input, component, component),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: "AlwaysAllow",
      selector: { matchLabels: selectorLabels(input.resource.name, component) },
    },
  }))

export const otherDisruptionBudgets = (input: ChildrenInput): readonly ObjectRef[] => {
  const { namespace, resource } = input
  const budgeted = isBudgeted(input)
  return components
    .filter((component) => !budgeted(component))
    .map((component) => ({ ...type, namespace, name: childName(resource.name, component) }))
}
