import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { incoming, verdict } from "../testing/incoming.ts"
import { clientHeaders, isImpersonation, withoutImpersonation } from "./clientHeaders.ts"

const kept = (lines: readonly (readonly [string, string])[], webSocket = false) =>
  clientHeaders(incoming({ lines }), { webSocket })

describe("S1: an impersonation header is refused, spelled as", () => {
  test.each([
    "Impersonate-User",
    "impersonate-user",
    "IMPERSONATE-USER",
    "iMpErSoNaTe-GrOuP",
    "Impersonate_User",
    "IMPERSONATE_GROUP",
    "Impersonate-Uid",
    "Impersonate-Extra-scopes",
    "impersonate-extra-a%2fb",
    "Impersonate_Extra-x",
    "Impersonate-Something-New",
    "Impersonate",
    "Impersonate-",
    "Impersonate_",
    "ImpersonateUser",
  ])("%s", (name) => {
    expect(verdict(withoutImpersonation(incoming({ lines: [[name, "system:admin"]] })))).toBe("ImpersonationRefused")
    expect(verdict(withoutImpersonation(incoming({ lines: [[name, ""]] })))).toBe("ImpersonationRefused")
  })
})

test("S1: the refusal names the setting that allows it", () => {
  const refused = withoutImpersonation(incoming({ lines: [["Impersonate-User", "x"]] }))
  expect(refused._tag === "Left" && refused.left.message).toContain("spec.impersonation.allowNested")
})

test("S1: no spelling of impersonate gets past both the refusal and the filter", () => {
  const letter = fc.constantFrom(..."impersonate-user_IMPERSONATEGROUPxX")
  fc.assert(
    fc.property(fc.string({ unit: letter, maxLength: 24 }), fc.boolean(), (tail, underscore) => {
      const name = `${underscore ? "Impersonate_" : "Impersonate-"}${tail}`
      expect(isImpersonation(name)).toBe(true)
      expect(kept([[name, "x"]])).toEqual([])
    }),
  )
})

describe("S11: who or where the caller is cannot be said by the client:", () => {
  test.each([
    "X-Remote-User",
    "x-remote-group",
    "X-Remote-Extra-scopes",
    "X_Remote_User",
    "X-Forwarded-For",
    "X-Forwarded-Client-Cert",
    "x-forwarded-user",
    "Forwarded",
    "X-Real-Ip",
    "X-Real_IP",
    "X-Client-IP",
    "True-Client-IP",
    "Clusterconnect-Client-Address",
    "X-HTTP-Method-Override",
    "x-http-method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Any_Name",
    "_",
  ])("%s", (name) => expect(kept([[name, "127.0.0.1"]])).toEqual([]))
})

describe("what is about the connection, the framing or our own credential does not go on:", () => {
  test.each([
    "Connection",
    "Keep-Alive",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "HTTP2-Settings",
    "Content-Length",
    "Host",
    "Authorization",
    "Audit-ID",
    "Expect",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Key",
  ])("%s", (name) => expect(kept([[name, "x"]])).toEqual([]))
})

test("S2: what Connection names is dropped from the client's headers, in every spelling and over several lines", () => {
  const lines = [
    ["Connection", "keep-alive, X-One"],
    ["connection", "x-TWO ,, Accept"],
    ["X-One", "1"],
    ["X-Two", "2"],
    ["Accept", "application/json"],
    ["User-Agent", "kubectl"],
  ] as const
  expect(kept(lines)).toEqual(["User-Agent", "kubectl"])
})

test("everything else goes on unchanged, repeated lines apart and in their order", () => {
  const lines = [
    ["Accept", "application/json"],
    ["accept", "application/yaml, */*"],
    ["User-Agent", "kubectl/v1.37"],
    ["Kubectl-Command", "kubectl get"],
    ["Content-Type", "application/apply-patch+yaml"],
    ["If-None-Match", '"x"'],
    ["X-Stream-Protocol-Version", "v4.channel.k8s.io"],
    ["X-Stream-Protocol-Version", "v3.channel.k8s.io"],
  ] as const
  expect(kept(lines)).toEqual(lines.flat())
})

test("S10: a WebSocket's own headers go on with a WebSocket upgrade only, its subprotocols never", () => {
  const lines = [
    ["Sec-WebSocket-Key", "k"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Protocol", "base64url.bearer.authorization.k8s.io.x, v5.channel.k8s.io"],
  ] as const
  expect(kept(lines, true)).toEqual(["Sec-WebSocket-Key", "k", "Sec-WebSocket-Version", "13"])
  expect(kept(lines, false)).toEqual([])
})

test("no header that passes can be an identity, a source or a credential, whatever the client names it", () => {
  const part = fc.constantFrom(
    "X",
    "x",
    "-",
    "_",
    "Remote",
    "FORWARDED",
    "for",
    "Impersonate",
    "user",
    "Authorization",
    "Audit",
    "ID",
    "Host",
    "a",
  )
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const name = parts.join("")
      const [found] = kept([[name, "v"]])
      if (found === undefined) return
      const normal = found.toLowerCase().replaceAll("_", "-")
      expect(normal).not.toMatch(/^(impersonate|x-remote-|x-forwarded-|forwarded$|authorization$|audit-id$|host$)/)
      expect(found).not.toContain("_")
    }),
    { numRuns: 3000 },
  )
})
