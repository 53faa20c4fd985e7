import { expect } from "bun:test"
import { defaultNamespace } from "../../deploy/manifests/names.ts"
import type { Cluster } from "../cluster/Cluster.ts"
import { eventually } from "../world/eventually.ts"

/** What is on its way out has this long: the bound that the product promises. */
const limitMillis = 120_000

/** Of an installation neither namespace nor role nor binding is left, or will be; `definition`: that one is kept on purpose. */
export const nothingLeft = async (
  cluster: Cluster,
  options: { readonly namespace?: "kept"; readonly definition?: "kept" } = {},
): Promise<void> => {
  const selector = "--selector=app.kubernetes.io/name=clusterconnect"
  const kinds =
    "clusterroles,clusterrolebindings,roles,rolebindings,pods,deployments,services,jobs,serviceaccounts,secrets"
  await eventually("nothing of the installation is left", limitMillis, async () => {
    const seen = await cluster.admin(["get", kinds, "--all-namespaces", selector, "--output=name"])
    const namespaces = await cluster.admin([
      "get",
      "namespace",
      defaultNamespace,
      "--ignore-not-found",
      "--output=name",
    ])
    const left = seen + (options.namespace === "kept" ? "" : namespaces)
    return left === "" ? { done: undefined } : { seen: left }
  })
  const definition = ["get", "crd", "clusterconnects.clusterconnect.dev", "--ignore-not-found", "--output=name"]
  expect(await cluster.admin(definition)).toBe(
    options.definition === "kept"
      ? "customresourcedefinition.apiextensions.k8s.io/clusterconnects.clusterconnect.dev\n"
      : "",
  )
}
