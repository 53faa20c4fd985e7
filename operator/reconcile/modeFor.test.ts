import { expect, test } from "bun:test"
import { Effect } from "effect"
import { impersonationRole } from "../../identity/impersonationRoles.ts"
import { Kubernetes, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { StoredObjects } from "../kubernetes/testing/storedObjects.ts"
import type { Judgement } from "./Found.ts"
import { type Memory, newMemory } from "./Memory.ts"
import { constrainedWorked, modeFor } from "./modeFor.ts"
import { probing } from "./testing/found.ts"

const bound = (mode: "Constrained" | "Legacy") => ({ mode, sinceMillis: Date.parse("2025-12-31T23:59:00Z") })
const was = (reason: Judgement["reason"]): Judgement => ({
  type: "ImpersonationReady",
  status: reason === "ConstrainedUnavailable" ? "False" : "True",
  reason,
  message: "m",
})

type Given = Parameters<typeof constrainedWorked>[0]
const fresh: Given = { wanted: "Auto", known: undefined, before: undefined, authProxies: [], bound: undefined }

test.each<[string, Partial<Given>, boolean]>([
  ["nothing is known of a new resource", {}, false],
  [
    "an auth proxy was allowed under the constrained role",
    { known: false, bound: bound("Constrained"), authProxies: [probing("allowed")] },
    true,
  ],
  [
    "one of two was",
    { known: false, bound: bound("Constrained"), authProxies: [probing("forbidden"), probing("allowed")] },
    true,
  ],
  [
    "it was allowed under the legacy role",
    { known: false, bound: bound("Legacy"), authProxies: [probing("allowed")] },
    false,
  ],
  [
    "it was refused and had never worked",
    {
      known: false,
      bound: bound("Constrained"),
      authProxies: [probing("forbidden")],
      before: was("ConstrainedUnavailable"),
    },
    false,
  ],
  [
    "it was refused after it had worked",
    { known: true, bound: bound("Constrained"), authProxies: [probing("forbidden")] },
    true,
  ],
  ["an earlier operator left a success", { before: was("Constrained") }, true],
  [
    "an earlier operator left a refusal, of which nobody knows what came before",
    { before: was("ConstrainedUnavailable") },
    true,
  ],
  ["an earlier operator left Legacy", { before: was("Legacy") }, false],
  ["a person gave it up", { wanted: "Legacy", known: true }, false],
  [
    "a person asks for it and it never worked",
    { wanted: "Constrained", known: false, before: was("ConstrainedUnavailable") },
    false,
  ],
])("where %s", (_, changes, expected) => expect(constrainedWorked({ ...fresh, ...changes })).toBe(expected))

test("a new process knows nothing by itself", () => expect(newMemory("u").constrainedWorked).toBeUndefined())

const shipped = impersonationRole("Constrained", "ReadWrite") as unknown as KubernetesObject
const [ofUsers, ...onWhat] = shipped.rules as readonly [object, ...object[]]
const narrowed = { ...shipped, rules: [{ ...ofUsers, resources: ["users"], resourceNames: ["oidc:alice"] }, ...onWhat] }
const empty = { ...shipped, rules: [] }

/** What is bound next, and what is known of the role, where the only auth proxy was refused on a server that has constrained impersonation. */
const refusedUnder = async (role: KubernetesObject | undefined, memory: Memory, authProxy = probing("forbidden")) => {
  const impersonation = { mode: "Auto", profile: "ReadWrite" } as const
  const stored = new StoredObjects(...(role === undefined ? [] : [role]))
  const mode = await modeFor(impersonation, "1.37", undefined, [authProxy], memory).pipe(
    Effect.provideService(Kubernetes, stored.calls),
    Effect.runPromise,
  )
  return [mode, memory.role?.is]
}
const constrained = (): Memory => ({ ...newMemory("u"), bound: bound("Constrained"), constrainedWorked: false })

test("a refusal under the role as it is shipped leads to Legacy", async () =>
  expect(await refusedUnder(shipped, constrained())).toEqual(["Legacy", "shipped"]))

test.each([
  ["narrowed by resourceNames", narrowed, "narrowed"],
  ["emptied", empty, "different"],
  ["removed", undefined, "different"],
] as const)("a refusal under a role that somebody has %s never leads to Legacy", async (_, role, is) =>
  expect(await refusedUnder(role, constrained())).toEqual(["Constrained", is]),
)

test("a refusal from before the role was as shipped again does not lead to Legacy, one from long after does", async () => {
  const memory = constrained()
  await refusedUnder(narrowed, memory)
  expect(await refusedUnder(shipped, memory)).toEqual(["Constrained", "shipped"])
  const after = (millis: number) => new Date(memory.roleOtherwiseMillis + millis).toISOString()
  expect(await refusedUnder(shipped, memory, probing("forbidden", after(14_000)))).toEqual(["Constrained", "shipped"])
  expect(await refusedUnder(shipped, memory, probing("forbidden", after(15_000)))).toEqual(["Legacy", "shipped"])
})

test("nobody looks at the role of auth proxies that are allowed", async () =>
  expect(await refusedUnder(narrowed, constrained(), probing("allowed"))).toEqual(["Constrained", undefined]))
