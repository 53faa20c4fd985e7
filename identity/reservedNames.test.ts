import { describe, expect, test } from "bun:test"
import { maximumNameBytes, reservedName, unusableName } from "./reservedNames.ts"

describe("reserved:", () => {
  for (const name of [
    "system:masters",
    "system:",
    "system:anonymous",
    "system:serviceaccount:kube-system:default",
    "system:node:a",
    "kubeadm:cluster-admins",
    "kubeadm:",
    "kubernetes-admin",
  ])
    test(name, () => expect(reservedName(name)).toBeString())
})

describe("not reserved:", () => {
  for (const name of ["oidc:system:masters", "systems", "kubernetes-admins", "my-kubeadm:x", "admin"])
    test(name, () => expect(reservedName(name)).toBeUndefined())
})

describe("unusable:", () => {
  for (const name of [
    "",
    " a",
    "a ",
    "\ta",
    "a\n",
    "a\r\nImpersonate-Group: system:masters",
    "a\0b",
    "a\u007fb",
    "a\u0085b",
    "a\u2028b",
    "\u00a0a",
    "a\u3000",
    "\u200ba",
    "a\ufeff",
    "\ud800",
    "a\udc00b",
    "x".repeat(maximumNameBytes + 1),
    "é".repeat(maximumNameBytes / 2 + 1),
  ])
    test(JSON.stringify(name).slice(0, 40), () => expect(unusableName(name)).toBeString())
})

describe("usable:", () => {
  for (const name of [
    "alice",
    "alice@example.com",
    "Zoë Müller",
    "日本語",
    "a, b",
    "a b",
    "👩‍💻 team",
    "cn=a,ou=b/c%2F",
    "x".repeat(maximumNameBytes),
  ])
    test(name.slice(0, 40), () => expect(unusableName(name)).toBeUndefined())
})
