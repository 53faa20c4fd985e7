import { expect, test } from "bun:test"
import { requestRules } from "./requestRules.ts"

const table: readonly (readonly [string, string, boolean, boolean, boolean])[] = [
  ["GET", "/api/v1/pods", false, true, false],
  ["HEAD", "/api", false, true, false],
  ["GET", "/api/v1/pods?watch=true", false, true, true],
  ["GET", "/api/v1/pods?limit=1&watch=1", false, true, true],
  ["GET", "/api/v1/pods?watch", false, true, true],
  ["GET", "/api/v1/pods?watch=false", false, true, false],
  ["GET", "/api/v1/pods?watch=0", false, true, false],
  ["GET", "/api/v1/watch/pods", false, true, true],
  ["GET", "/api/v1/namespaces/a/pods/b/log?follow=true", false, true, true],
  ["GET", "/api/v1/namespaces/a/pods/b/log", false, true, false],
  ["POST", "/api/v1/namespaces/a/pods", false, false, false],
  ["DELETE", "/api/v1/namespaces/a/pods/b", false, false, false],
  ["POST", "/api/v1/namespaces/a/pods/b/exec?command=ls", true, false, true],
  ["GET", "/api/v1/namespaces/a/pods/b/exec?command=ls", true, false, true],
  ["GET", "/api/v1/namespaces/a/services/s/proxy/x", false, true, true],
  ["GET", "/api/v1/namespaces/a/pods/execution", false, true, false],
  ["GET", "/api/v1/namespaces/proxy/pods", false, true, false],
  ["GET", "/api/v1/namespaces/watch/pods/exec", false, true, false],
  ["PATCH", "/apis/apps/v1/namespaces/attach/deployments/proxy", false, false, false],
  ["GET", "/api/v1/nodes/n/proxy/stats", false, true, true],
  ["GET", "/apis/apps/v1/watch/deployments", false, true, true],
  ["GET", "/apis/sub.example/v1/namespaces/a/machines/m/portforward/22", false, true, true],
]

test("what may be repeated and what may stand still follows from method, target and Upgrade", () => {
  for (const [method, target, upgrade, repeatable, longRunning] of table)
    expect([method, target, requestRules(method, target, upgrade)]).toEqual([
      method,
      target,
      { repeatable, longRunning },
    ])
})
