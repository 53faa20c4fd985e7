import { expect, test } from "bun:test"
import { strikeAll } from "./FaultRun.ts"
import type { Fault, Stage } from "./faults.ts"
import type { Session } from "./sessions/Session.ts"

/** Finds no fault by itself, as a `logs -f` that has fallen silent. */
const session = (name: string, arrivals: readonly number[], isComplete = false): Session => ({
  name,
  arrivals,
  isComplete,
  started: Promise.resolve(),
  finish: async () => ({ name, carried: `${arrivals.length} lines`, lost: undefined }),
})

test("a session that never speaks again after a fault is lost, with the fault's name and its whole silence", async () => {
  const spoke = performance.now()
  const heard = [spoke]
  const speaks: Fault = { name: "cut", strike: async () => void setImmediate(() => heard.push(performance.now())) }
  const sessions = [session("silent", [spoke]), session("complete", [spoke], true), session("speaks", heard)]
  const stage = { between: () => 0 } as unknown as Stage
  const run = await strikeAll(stage, sessions, [speaks, speaks], () => {}, 200)
  expect(run.sessions.map(({ name, lost }) => [name, lost])).toEqual([
    ["silent", "silent for 0.2 s after cut"],
    ["complete", undefined],
    ["speaks", undefined],
  ])
  expect(run.faults[0]?.pauses.silent).toBeGreaterThanOrEqual(0.2)
  expect(run.faults[1]?.pauses.silent).toBeGreaterThan(run.faults[0]?.pauses.silent ?? 0)
  expect(run.faults[1]?.pauses.complete).toBe(0)
})
