import { describe, expect, test } from "bun:test"
import { longRunning } from "./longRunning.ts"

describe("a request that may stand still", () => {
  test.each([
    ["/api/v1/pods?watch=true", true],
    ["/api/v1/pods?watch=1&x=y", true],
    ["/api/v1/pods?watch", true],
    ["/api/v1/watch/pods", true],
    ["/api/v1/namespaces/n/pods/p/log?follow=true", true],
    ["/api/v1/namespaces/n/pods/p/exec?command=ls", true],
    ["/api/v1/namespaces/n/services/s/proxy/slow", true],
    ["/api/v1/nodes/n/proxy/logs", true],
    ["/api/v1/pods", false],
    ["/api/v1/pods?watch=false", false],
    ["/api/v1/namespaces/n/pods/p/log", false],
    ["/api/v1/namespaces/proxy/pods/exec", false],
    ["/version", false],
  ])("%s: %p", (target, expected) => {
    expect(longRunning(target)).toBe(expected)
  })
})
