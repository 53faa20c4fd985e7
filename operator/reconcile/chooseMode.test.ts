import { expect, test } from "bun:test"
import { chooseMode, type ModeEvidence } from "./chooseMode.ts"

const fresh: ModeEvidence = {
  wanted: "Auto",
  serverVersion: "1.37",
  present: undefined,
  wasConstrained: false,
  constrainedRefused: false,
}

test.each<[string, Partial<ModeEvidence>, ReturnType<typeof chooseMode>]>([
  ["a server that has it", {}, "Constrained"],
  ["exactly the first version", { serverVersion: "1.36" }, "Constrained"],
  ["an older server", { serverVersion: "1.35" }, "Legacy"],
  ["a later major version", { serverVersion: "2.0" }, "Constrained"],
  ["an unknown server and nothing bound", { serverVersion: undefined }, undefined],
  ["an unknown server and Legacy bound", { serverVersion: undefined, present: "Legacy" }, "Legacy"],
  ["an unknown server and Constrained bound", { serverVersion: undefined, present: "Constrained" }, "Constrained"],
  ["a definite refusal before it ever worked", { present: "Constrained", constrainedRefused: true }, "Legacy"],
  [
    "a refusal after it had worked",
    { present: "Constrained", wasConstrained: true, constrainedRefused: true },
    "Constrained",
  ],
  [
    "a server that was downgraded after it had worked",
    { present: "Constrained", wasConstrained: true, serverVersion: "1.35" },
    "Constrained",
  ],
  [
    "an older server where it had worked, by an operator that does not know what is bound",
    { wasConstrained: true, serverVersion: "1.35" },
    "Constrained",
  ],
  ["a server that was upgraded", { present: "Legacy" }, "Constrained"],
  ["a server that refused it before", { present: "Legacy", constrainedRefused: true }, "Legacy"],
])("Auto on %s", (_, changes, expected) => expect(chooseMode({ ...fresh, ...changes })).toBe(expected as never))

test.each(["Constrained", "Legacy"] as const)("%s that is asked for is taken, whatever the server is", (wanted) => {
  for (const serverVersion of ["1.30", "1.37", undefined])
    for (const present of ["Constrained", "Legacy", undefined] as const)
      expect(chooseMode({ ...fresh, wanted, serverVersion, present, constrainedRefused: true })).toBe(wanted)
})
