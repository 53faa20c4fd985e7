import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { incoming, verdict } from "../testing/incoming.ts"
import { requestLine } from "./target.ts"

const judged = (target: string) => verdict(requestLine(incoming({ target })))

describe("S9: a request target is refused when it", () => {
  test.each([
    ["is absolute", "http://10.0.0.1/api", "TargetNotOriginForm"],
    ["is absolute with https", "https://kubernetes.default.svc/api", "TargetNotOriginForm"],
    ["is an authority", "kubernetes.default.svc:443", "TargetNotOriginForm"],
    ["is an asterisk", "*", "TargetNotOriginForm"],
    ["is empty", "", "TargetNotOriginForm"],
    ["begins with two slashes", "//evil.example/api", "TargetNotOriginForm"],
    ["climbs up", "/api/v1/../../metrics", "TargetDotSegment"],
    ["climbs up at its end", "/api/v1/..", "TargetDotSegment"],
    ["climbs up with encoded dots", "/api/v1/%2e%2e/metrics", "TargetDotSegment"],
    ["climbs up with one encoded dot", "/api/v1/.%2E/metrics", "TargetDotSegment"],
    ["stays where it is", "/api/./v1", "TargetDotSegment"],
    ["climbs up behind an encoded slash", "/api/v1/x%2f..%2fy", "TargetDotSegment"],
    ["climbs up with a parameter", "/api/v1/..;x/metrics", "TargetDotSegment"],
    ["climbs out of a proxied path", "/api/v1/namespaces/d/services/s/proxy/../../secrets", "TargetDotSegment"],
    ["climbs out of a proxied path, encoded", "/api/v1/nodes/n/proxy/%2e%2e%2fsecrets", "TargetDotSegment"],
    ["has an empty segment", "/api//v1", "TargetEmptySegment"],
    ["has empty segments at its end", "/api/v1//", "TargetEmptySegment"],
    ["has a backslash", "/api\\v1", "TargetBackslash"],
    ["has an encoded backslash", "/api/v1/x%5cy", "TargetBackslash"],
    ["has an encoded slash", "/api/v1/namespaces%2fkube-system/pods", "TargetEncodedSlash"],
    ["hides proxy behind an encoded slash", "/api/v1/nodes/n%2Fproxy", "TargetEncodedSlash"],
    ["has a fragment", "/api#/v1", "TargetBadCharacter"],
    ["has a blank", "/api /v1", "TargetBadCharacter"],
    ["has a tab", "/api\t/v1", "TargetBadCharacter"],
    ["is not ASCII", "/api/v1/é", "TargetBadCharacter"],
    ["has a NUL", "/api\u0000", "TargetBadCharacter"],
    ["has an encoded NUL", "/api/v1/pods%00", "TargetBadCharacter"],
    ["has an encoded line end", "/api/v1/pods%0d%0aX: y", "TargetBadCharacter"],
    ["has half a percent-encoding", "/api/v1/%2", "TargetBadCharacter"],
    ["has a wrong percent-encoding", "/api/v1/%zz", "TargetBadCharacter"],
  ])("%s", (_, target, cause) => expect(judged(target)).toBe(cause))
})

describe("a request target passes when it is", () => {
  test.each([
    "/",
    "/api",
    "/apis/",
    "/version?timeout=32s",
    "/openapi/v3/apis/apps/v1?hash=ABC%2F%3D",
    "/api/v1/namespaces/default/pods/web-0/exec?command=sh&command=-c&command=ls+..%2F&stdin=true",
    "/api/v1/namespaces/d/pods?labelSelector=a%3Db&fieldSelector=x!=y",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
    "/api/v1/namespaces/d/services/https:web:443/proxy/a//b%2Fc",
    "/api/v1/nodes/n/proxy/logs/",
    "/api/v1/namespaces/d/configmaps/kube-root-ca.crt",
    "/api/v1/namespaces/d/configmaps/a..b",
  ])("%s", (target) => expect(judged(target)).toBe("accepted"))
})

test.each(["CONNECT", "TRACE", "PROPFIND", "get", "GET ", ""])("S9: the method %p is refused", (method) =>
  expect(verdict(requestLine(incoming({ method })))).toBe("MethodRefused"),
)

test.each(["1.0", "0.9", "2.0"])("HTTP/%s is refused", (httpVersion) =>
  expect(verdict(requestLine(incoming({ httpVersion })))).toBe("HttpVersionRefused"),
)

test("whatever passes means the same path to a reader that resolves it as a URL", () => {
  const piece = fc.constantFrom(
    "api",
    "v1",
    "..",
    ".",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "\\",
    "/",
    "//",
    "pods",
    ";",
    "%00",
    "#",
    "?",
    "é",
    "%",
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const target = `/${pieces.join("")}`
      if (judged(target) !== "accepted") return
      const resolved = new URL(target, "https://edge-1.clusterconnect.internal")
      expect(resolved.host).toBe("edge-1.clusterconnect.internal")
      expect(resolved.pathname).toBe(target.split("?")[0]!)
    }),
    { numRuns: 5000 },
  )
})
