import { describe, expect, test } from "bun:test"
import { parseAllDocuments } from "yaml"
import { impersonationRoles } from "../../identity/impersonationRoles.ts"
import { rbacManifests } from "./rbac.ts"

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly roleRef?: unknown
  readonly subjects?: unknown
}

const manifests = (mode: "Constrained" | "Legacy", profile: "ReadWrite" | "ReadOnly") =>
  parseAllDocuments(
    rbacManifests({ namespace: "clusterconnect", serviceAccount: "kube-auth-proxy", mode, profile }),
  ).map((document) => {
    expect("errors" in document ? document.errors : []).toEqual([])
    return (document as { toJS(): Manifest }).toJS()
  })
const ofKind = (kind: string, all = manifests("Constrained", "ReadWrite")) => all.filter((one) => one.kind === kind)

describe("the printed RBAC", () => {
  test("holds all four roles, exactly as they are shipped", () => {
    expect<unknown>(ofKind("ClusterRole")).toEqual(JSON.parse(JSON.stringify(impersonationRoles)))
  })
  test("makes the namespace before the account in it", () => {
    expect(manifests("Constrained", "ReadWrite").map(({ kind }) => kind)).toEqual([
      "Namespace",
      "ServiceAccount",
      ...Array(4).fill("ClusterRole"),
      "ClusterRoleBinding",
    ])
  })
  test.each([
    ["Constrained", "ReadWrite", "clusterconnect-impersonate-constrained-readwrite"],
    ["Constrained", "ReadOnly", "clusterconnect-impersonate-constrained-readonly"],
    ["Legacy", "ReadWrite", "clusterconnect-impersonate-legacy-readwrite"],
    ["Legacy", "ReadOnly", "clusterconnect-impersonate-legacy-readonly"],
  ] as const)("binds for %s and %s the role %s to the account, and nothing else", (mode, profile, role) => {
    const bindings = ofKind("ClusterRoleBinding", manifests(mode, profile))
    expect(bindings.length).toBe(1)
    expect(bindings[0]?.roleRef).toEqual({ apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role })
    expect(bindings[0]?.subjects).toEqual([
      { kind: "ServiceAccount", name: "kube-auth-proxy", namespace: "clusterconnect" },
    ])
  })
  test("binds by one name whatever is bound, so that legacy never stands beside constrained", () => {
    const names = (["Constrained", "Legacy"] as const).map(
      (mode) => ofKind("ClusterRoleBinding", manifests(mode, "ReadWrite"))[0]?.metadata.name,
    )
    expect(new Set(names).size).toBe(1)
  })
  test("uses no YAML anchors, which not every reader follows", () => {
    const text = rbacManifests({ namespace: "a", serviceAccount: "b", mode: "Constrained", profile: "ReadWrite" })
    expect(text).not.toMatch(/[&*][a-z]\d/)
  })
})
