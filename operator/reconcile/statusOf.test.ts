import { expect, test } from "bun:test"
import type { Condition } from "../../crds/ClusterConnectStatus.ts"
import { conditionsFrom, sameStatus, transitions } from "./statusOf.ts"

const ready = (status: "True" | "False", reason: "Succeeded" | "RelayUnreachable", message = "m") =>
  ({ type: "Ready", status, reason, message }) as const
const stood: Condition = {
  ...ready("True", "Succeeded"),
  observedGeneration: 1,
  lastTransitionTime: "2026-01-01T00:00:00Z",
}
const now = new Date("2026-02-03T04:05:06.789Z")

test("the time of a condition moves with its status, and not with its reason or message", () => {
  expect(conditionsFrom([ready("True", "Succeeded", "other")], [stood], 2, now)).toEqual([
    { ...stood, message: "other", observedGeneration: 2 },
  ])
  expect(conditionsFrom([ready("False", "RelayUnreachable")], [stood], 2, now)[0]?.lastTransitionTime).toBe(
    "2026-02-03T04:05:06Z",
  )
  expect(conditionsFrom([ready("True", "Succeeded")], [], 2, now)[0]?.lastTransitionTime).toBe("2026-02-03T04:05:06Z")
})

test("a message that quotes too much is cut", () =>
  expect(conditionsFrom([ready("True", "Succeeded", "x".repeat(9_000))], [], 1, now)[0]?.message).toHaveLength(2_000))

test("others' words reach a terminal as text alone, and are stored as they are sent", () => {
  const shown = (message: string) => conditionsFrom([ready("True", "Succeeded", message)], [], 1, now)[0]?.message
  expect(shown("a\u001b[2J\r\nb\u0000c\u202ed\u2028e")).toBe("a [2J b c d e")
  expect(shown("\ud800x")).toBe("\ufffdx")
  expect(shown(`${"x".repeat(1_999)}\u{1f600}`)).toBe(`${"x".repeat(1_999)}\ufffd`)
})

test("a status is the same whatever the order of its fields", () => {
  const status = { observedGeneration: 1, agent: { keyIds: ["a"], sessions: 2 }, conditions: [stood] }
  expect(
    sameStatus(status, { conditions: [stood], agent: { sessions: 2, keyIds: ["a"] }, observedGeneration: 1 }),
  ).toBe(true)
  expect(sameStatus(status, { ...status, agent: { keyIds: ["a"], sessions: 1 } })).toBe(false)
  expect(sameStatus(undefined, status)).toBe(false)
})

test("a transition is another status or reason of a condition that is looked at", () => {
  const next: Condition = { ...stood, status: "False", reason: "RelayUnreachable" }
  expect(transitions([stood], [next], ["Ready"])).toEqual([next])
  expect(transitions([stood], [{ ...stood, message: "other" }], ["Ready"])).toEqual([])
  expect(transitions([stood], [next], ["Stalled"])).toEqual([])
})
