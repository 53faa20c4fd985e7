import { describe, expect, test } from "bun:test"
import { verdict } from "../testing/incoming.ts"
import type { UpgradeProtocol } from "./framing.ts"
import { readOnly } from "./readOnly.ts"

const judged = (line: string, upgrade?: UpgradeProtocol) => {
  const [method = "", target = ""] = line.split(" ")
  return verdict(readOnly({ method, target, upgrade }))
}

describe("S23: under ReadOnly passes", () => {
  test.each([
    "GET /api/v1/namespaces/d/pods",
    "GET /api/v1/namespaces/d/pods/p/log?follow=true",
    "HEAD /apis/apps/v1/deployments",
    "GET /api/v1/pods?watch=true",
    "GET /api/v1/watch/pods",
    "GET /api/v1/watch/namespaces/d/pods/p",
    "GET /openapi/v3",
    "GET /",
    "GET /api/v1/namespaces/exec",
    "GET /api/v1/namespaces/d/pods/exec",
    "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
    "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews?timeout=5s",
    "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
  ])("%s", (line) => expect(judged(line)).toBe("accepted"))
  test("a watch over WebSocket", () => expect(judged("GET /api/v1/pods?watch=1", "websocket")).toBe("accepted"))
})

describe("S23: under ReadOnly is refused", () => {
  test.each([
    ["POST /api/v1/namespaces/d/pods", "ReadOnlyMethod"],
    ["PUT /api/v1/namespaces/d/pods/p", "ReadOnlyMethod"],
    ["PATCH /api/v1/namespaces/d/pods/p", "ReadOnlyMethod"],
    ["DELETE /api/v1/namespaces/d/pods/p", "ReadOnlyMethod"],
    ["OPTIONS /api", "ReadOnlyMethod"],
    ["POST /apis/authorization.k8s.io/v1/subjectaccessreviews", "ReadOnlyMethod"],
    ["POST /apis/authorization.k8s.io/v1/namespaces/d/selfsubjectaccessreviews", "ReadOnlyMethod"],
    ["POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x", "ReadOnlyMethod"],
    ["POST /apis/evil.example/v1/selfsubjectreviews", "ReadOnlyMethod"],
    ["POST /api/v1/namespaces/d/serviceaccounts/s/token", "ReadOnlyMethod"],
    ["GET /api/v1/namespaces/d/pods/p/exec?command=sh", "ReadOnlySubresource"],
    ["GET /api/v1/namespaces/d/pods/p/%65xec?command=sh", "ReadOnlySubresource"],
    ["GET /api/v1/namespaces/d/pods/p/EXEC", "ReadOnlySubresource"],
    ["GET /api/v1/namespaces/d/pods/p/attach", "ReadOnlySubresource"],
    ["POST /api/v1/namespaces/d/pods/p/attach", "ReadOnlySubresource"],
    ["GET /api/v1/namespaces/d/pods/p/portforward?ports=80", "ReadOnlySubresource"],
    ["GET /api/v1/namespaces/d/pods/p/portforward/", "ReadOnlySubresource"],
    ["GET /api/v1/namespaces/d/pods/p/proxy", "ReadOnlySubresource"],
    ["GET /api/v1/namespaces/d/services/s/proxy/x/y", "ReadOnlySubresource"],
    ["GET /api/v1/nodes/n/proxy/run/d/p/c", "ReadOnlySubresource"],
    ["GET /api/v1/%6eodes/n/pro%78y/metrics", "ReadOnlySubresource"],
    ["GET /api/v1/proxy/nodes/n/metrics", "ReadOnlySubresource"],
    ["GET /api/v1/watch/namespaces/d/pods/p/exec?command=sh", "ReadOnlySubresource"],
    ["GET /api/v1/watch/nodes/n/pro%78y", "ReadOnlySubresource"],
    ["GET /apis/g.example/v1/watch/namespaces/d/things/x/attach", "ReadOnlySubresource"],
    ["GET /apis/subresources.kubevirt.io/v1/namespaces/d/virtualmachineinstances/v/portforward", "ReadOnlySubresource"],
    ["GET /api/v1/namespaces/d/pods/%ff/log", "PathNotParsed"],
  ])("%s", (line, cause) => expect(judged(line)).toBe(cause))

  test.each([
    "GET /api/v1/namespaces/d/pods",
    "GET /api/v1/namespaces/d/pods/p?watch=true",
    "GET /api/v1/pods?watch=false",
    "GET /api/v1/pods?watch=true&watch=false",
    "GET /apis/subresources.kubevirt.io/v1/namespaces/d/virtualmachineinstances/v/console?watch=true",
    "GET /metrics?watch=true",
    "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
  ])("an upgrade of %s", (line) => expect(judged(line, "websocket")).toBe("ReadOnlyUpgrade"))
})
