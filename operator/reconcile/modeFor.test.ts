import { expect, test } from "bun:test"
import type { Judgement } from "./Found.ts"
import { newMemory } from "./Memory.ts"
import { constrainedWorked } from "./modeFor.ts"
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
