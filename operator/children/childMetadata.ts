import { apiVersion, kind } from "../../crds/ClusterConnect.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { ChildrenInput } from "./ChildrenInput.ts"
import { type ChildRole, childLabels, childName } from "./childNames.ts"

/** A child's owner: the only one, so that the child goes with it. Deletion in the foreground waits for the children. */
export const ownerReference = ({ name, uid }: Pick<ChildrenInput["resource"], "name" | "uid">) => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
})

/** Which pods a role's children are about. */
export type Component = "agent" | "auth-proxy"

/** Name, labels and owner of a child in the operator's namespace. */
export const childMetadata = (
  input: ChildrenInput,
  role: ChildRole,
  component: Component,
): KubernetesObject["metadata"] => ({ ...clusterMetadata(input, role, component), namespace: input.namespace })

/** The same for a child that is cluster-scoped. */
export const clusterMetadata = (
  { resource }: ChildrenInput,
  role: ChildRole,
  component: Component,
): KubernetesObject["metadata"] => ({
  name: childName(resource.name, role),
  labels: childLabels(resource.name, component),
  ownerReferences: [ownerReference(resource)],
})
