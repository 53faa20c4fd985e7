import { expect, test } from "bun:test"
import { HelpDoc, ValidationError } from "@effect/cli"
import { exitCodeOf } from "./exitCodes.ts"
import {
  LocalFailure,
  NotAuthenticated,
  PathBroken,
  pathFailureOf,
  RefusedByPolicy,
  refusalOf,
  UsageWrong,
} from "./failures.ts"

test("every kind of failure has its exit code and its HTTP status", () => {
  const situation = { hop: "relay", cause: "c", detail: "d" } as const
  const table = [
    [new UsageWrong({ detail: "d" }), 2],
    [ValidationError.missingValue(HelpDoc.p("x")), 2],
    [new NotAuthenticated(situation), 3],
    [new RefusedByPolicy(situation), 4],
    [new PathBroken(situation), 5],
    [new LocalFailure({ detail: "d" }), 1],
    [pathFailureOf(new LocalFailure({ detail: "d" })), 1],
    [new Error("x"), 1],
  ] as const
  for (const [error, code] of table) expect(exitCodeOf(error)).toBe(code)
  expect(
    [new NotAuthenticated(situation), new RefusedByPolicy(situation), new PathBroken(situation)].map(
      (one) => refusalOf(one).code,
    ),
  ).toEqual([401, 403, 503])
  expect(pathFailureOf(new Error("odd"))).toMatchObject({ hop: "proxy", cause: "Unexpected" })
})
