import { describe, expect, test } from "bun:test"
import type { Caller } from "../../../identity/claimMapping.ts"
import { verdict } from "../testing/incoming.ts"
import { assertIdentity, escapedExtraKey, identityHeaders } from "./identityHeaders.ts"

const alice: Caller = {
  username: "oidc:alice",
  groups: ["oidc:ops, night", "oidc:dev"],
  uid: "u-1",
  extra: { "clusterconnect.dev/token-id": ["id-1"] },
}

test("S4: a group with a comma stays one header line, the user appears once", () =>
  expect(identityHeaders(alice)).toEqual([
    ...["Impersonate-User", "oidc:alice"],
    ...["Impersonate-Group", "oidc:ops, night"],
    ...["Impersonate-Group", "oidc:dev"],
    ...["Impersonate-Uid", "u-1"],
    ...["Impersonate-Extra-clusterconnect.dev%2Ftoken-id", "id-1"],
  ]))

test("S4: 500 groups are 500 header lines", () => {
  const groups = Array.from({ length: 500 }, (_, index) => `oidc:group-${index}`)
  expect(identityHeaders({ ...alice, groups }).filter((text) => text === "Impersonate-Group")).toHaveLength(500)
})

test("S3: names beyond ASCII go as the bytes of their UTF-8", () => {
  const [, value = ""] = identityHeaders({ ...alice, username: "oidc:Zoë 漢" })
  expect(Buffer.from(value, "latin1").toString("utf8")).toBe("oidc:Zoë 漢")
})

test.each([
  ["clusterconnect.dev/token-id", "clusterconnect.dev%2Ftoken-id"],
  ["Example.com/A b%", "example.com%2Fa%20b%25"],
  ["é", "%C3%A9"],
])("an extra key %s becomes %s", (key, escaped) => expect(escapedExtraKey(key)).toBe(escaped))

describe("the last look refuses", () => {
  const headers = (...more: string[]) => ["Host", "api", ...identityHeaders(alice), ...more]
  test("nothing when the headers are exactly the caller's", () =>
    expect(verdict(assertIdentity(headers("Accept", "*/*"), alice))).toBe("accepted"))
  test.each(["", " ", "oidc:alice\r\nX: y", "a\u0000", " a", "a ", "x".repeat(1025)])(
    "S3: the username %j",
    (username) => {
      const caller = { ...alice, username }
      expect(verdict(assertIdentity(["Host", "api", ...identityHeaders(caller)], caller))).toBe("EmptyIdentity")
    },
  )
  test.each(["system:admin", "kubernetes-admin", "kubeadm:x"])("S3: the reserved username %s", (username) => {
    const caller = { ...alice, username }
    expect(verdict(assertIdentity(identityHeaders(caller), caller))).toBe("EmptyIdentity")
  })
  test.each(["", "system:masters"])("the group %j", (group) => {
    const caller = { ...alice, groups: [group] }
    expect(verdict(assertIdentity(identityHeaders(caller), caller))).toBe("EmptyIdentity")
  })
  test("no user at all", () => expect(verdict(assertIdentity(["Host", "api"], alice))).toBe("EmptyIdentity"))
  test.each(["Impersonate-User", "impersonate-user", "Impersonate_Group", "Impersonate-Extra-x"])(
    "a further %s",
    (name) => expect(verdict(assertIdentity(headers(name, "system:admin"), alice))).toBe("EmptyIdentity"),
  )
  test("a group that is missing", () =>
    expect(verdict(assertIdentity(identityHeaders({ ...alice, groups: ["oidc:dev"] }), alice))).toBe("EmptyIdentity"))
})
