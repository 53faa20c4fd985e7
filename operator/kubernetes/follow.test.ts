import { describe, expect, test } from "bun:test"
import { keyOf, taken } from "./follow.ts"
import type { KubernetesObject } from "./Kubernetes.ts"

const object = (name: string, version: string, namespace?: string): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, resourceVersion: version, ...(namespace !== undefined && { namespace }) },
})

describe("a line of a watch", () => {
  test.each([
    ["ADDED", object("b", "8"), ["a", "b"], { version: "8", changed: true }],
    ["MODIFIED", object("a", "8"), ["a"], { version: "8", changed: true }],
    ["DELETED", object("a", "8"), [], { version: "8", changed: true }],
    ["BOOKMARK", { metadata: { resourceVersion: "9" } }, ["a"], { version: "9", changed: false }],
    ["ERROR", { code: 410 }, ["a"], { failure: { code: 410 } }],
    ["FUTURE", object("c", "8"), ["a"], { failure: object("c", "8") }],
  ] as const)("%s leaves the right set and version", (type, line, names, outcome) => {
    const seen = new Map([["a", object("a", "7")]])
    expect(taken(seen, { type, object: line }) as unknown).toEqual(outcome)
    expect([...seen.keys()]).toEqual([...names])
  })

  test("keeps namespaces apart", () => expect(keyOf(object("a", "1", "n"))).toBe("n/a"))
})
