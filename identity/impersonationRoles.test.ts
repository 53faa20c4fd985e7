import { describe, expect, test } from "bun:test"
import { impersonationRole, impersonationRoles } from "./impersonationRoles.ts"

const verbsOf = (rules: readonly { readonly verbs: readonly string[] }[]) => rules.flatMap((rule) => rule.verbs)

test("the four roles have the names that the operator may bind", () => {
  expect(impersonationRoles.map((role) => role.metadata.name)).toEqual([
    "clusterconnect-impersonate-constrained-readwrite",
    "clusterconnect-impersonate-constrained-readonly",
    "clusterconnect-impersonate-legacy-readwrite",
    "clusterconnect-impersonate-legacy-readonly",
  ])
})

test("constrained ReadOnly is exactly the base", () => {
  expect(impersonationRole("Constrained", "ReadOnly").rules).toEqual([
    { apiGroups: ["authentication.k8s.io"], resources: ["*"], verbs: ["impersonate:user-info"] },
    {
      apiGroups: ["authentication.k8s.io"],
      resources: ["selfsubjectreviews"],
      verbs: ["impersonate-on:user-info:create"],
    },
    {
      apiGroups: ["authorization.k8s.io"],
      resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      verbs: ["impersonate-on:user-info:create"],
    },
    {
      apiGroups: ["*"],
      resources: ["*"],
      verbs: ["impersonate-on:user-info:get", "impersonate-on:user-info:list", "impersonate-on:user-info:watch"],
    },
    { nonResourceURLs: ["*"], verbs: ["impersonate-on:user-info:get"] },
  ])
})

test("constrained ReadWrite adds the writing verbs to it and nothing else", () => {
  const base = impersonationRole("Constrained", "ReadOnly").rules
  const all = impersonationRole("Constrained", "ReadWrite").rules
  expect(all.slice(0, base.length)).toEqual([...base])
  const on = (verb: string) => `impersonate-on:user-info:${verb}`
  expect(all.slice(base.length)).toEqual([
    { apiGroups: ["*"], resources: ["*"], verbs: ["create", "update", "patch", "delete", "deletecollection"].map(on) },
    { nonResourceURLs: ["*"], verbs: ["head", "options", "post", "put", "patch", "delete"].map(on) },
  ])
})

describe("no constrained role", () => {
  for (const role of impersonationRoles.filter((one) => one.metadata.name.includes("constrained")))
    test(`${role.metadata.name} grants legacy impersonation, which would void the constraint, or any right of its own`, () => {
      for (const verb of verbsOf(role.rules)) expect(verb).toMatch(/^impersonate(-on)?:user-info(:[a-z]+)?$/)
    })
})

describe("legacy roles", () => {
  for (const role of impersonationRoles.filter((one) => one.metadata.name.includes("legacy")))
    test(`${role.metadata.name} impersonates users, groups, uids and our extra keys, never service accounts`, () => {
      expect(role.rules).toEqual([
        { apiGroups: [""], resources: ["users", "groups"], verbs: ["impersonate"] },
        {
          apiGroups: ["authentication.k8s.io"],
          resources: ["uids", "userextras/clusterconnect.dev/token-id", "userextras/clusterconnect.dev/original-user"],
          verbs: ["impersonate"],
        },
      ])
    })
})
