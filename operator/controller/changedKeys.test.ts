import { expect, test } from "bun:test"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { changedResources, ownersOfChanged } from "./changedKeys.ts"

const object = (name: string, metadata: Record<string, unknown> = {}, rest: Record<string, unknown> = {}) =>
  ({
    apiVersion: "v1",
    kind: "Thing",
    metadata: { name, uid: `uid-${name}`, ...metadata },
    ...rest,
  }) as KubernetesObject
const seen = (...objects: readonly KubernetesObject[]) => new Map(objects.map((one) => [one.metadata.name, one]))

test.each([
  ["came", seen(), seen(object("a")), ["a"]],
  ["went", seen(object("a")), seen(), ["a"]],
  ["has another generation", seen(object("a", { generation: 1 })), seen(object("a", { generation: 2 })), ["a"]],
  ["got an annotation", seen(object("a")), seen(object("a", { annotations: { x: "1" } })), ["a"]],
  ["is being deleted", seen(object("a")), seen(object("a", { deletionTimestamp: "now" })), ["a"]],
  ["was made anew under the same name", seen(object("a")), seen(object("a", { uid: "other" })), ["a"]],
  [
    "has another status only",
    seen(object("a", { resourceVersion: "1" })),
    seen(object("a", { resourceVersion: "2" }, { status: { x: 1 } })),
    [],
  ],
])("a resource that %s", (_, before, now, expected) =>
  expect([...changedResources(before, now)]).toEqual(expected as string[]),
)

const child = (name: string, resourceVersion: string, owner?: string) =>
  object(name, { resourceVersion, labels: owner === undefined ? {} : { "clusterconnect.dev/name": owner } })

test.each([
  ["came", seen(), seen(child("x", "1", "a")), ["a"]],
  ["changed", seen(child("x", "1", "a")), seen(child("x", "2", "a")), ["a"]],
  ["went", seen(child("x", "1", "a")), seen(), ["a"]],
  ["stayed", seen(child("x", "1", "a")), seen(child("x", "1", "a")), []],
  ["belongs to nobody", seen(), seen(child("x", "1")), []],
  ["names nobody", seen(), seen(child("x", "1", "")), []],
])("the owner of a child that %s", (_, before, now, expected) =>
  expect([...ownersOfChanged(before, now)]).toEqual(expected as string[]),
)
