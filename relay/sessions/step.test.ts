import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { ChallengeExpired, SessionKeyNotListed } from "../refusals.ts"
import { type SessionAction, type SessionEvent, type SessionState, step } from "./step.ts"

const run = (events: readonly SessionEvent[]) => {
  let state: SessionState = { phase: "challenged" }
  const actions: SessionAction[] = []
  for (const event of events) {
    const [next, more] = step(state, event)
    state = next
    actions.push(...more)
  }
  return { state, actions, types: actions.map(({ type }) => type) }
}
const admitted: SessionEvent = { type: "admitted", sessionSecret: "s", replica: "r" }

describe("a control session's step", () => {
  test("welcomes who was admitted before anything else is done with it", () => {
    expect(run([admitted]).types).toEqual(["send", "opened"])
  })

  test("takes no dialFailed, ping or draining from who has not proven anything", () => {
    for (const message of [
      { type: "ping", id: 1 },
      { type: "draining" },
      { type: "dialFailed", ticket: "t", reason: "instance" },
    ] as const)
      expect(run([{ type: "message", message }])).toMatchObject({ state: { phase: "closed" }, types: ["close"] })
  })

  test("says why it refuses, then closes", () => {
    const { actions } = run([{ type: "refused", refusal: new SessionKeyNotListed() }])
    expect(actions).toMatchObject([
      { type: "send", message: { type: "refused", cause: "SessionKeyNotListed" } },
      { type: "close", code: 4003 },
    ])
  })

  test("expires only while it is challenged", () => {
    const expired: SessionEvent = { type: "challengeExpired", refusal: new ChallengeExpired() }
    expect(run([expired]).types).toEqual(["send", "close"])
    expect(run([admitted, expired]).state).toEqual({ phase: "open", draining: false })
  })

  test("opens at most once and tells the end of what was opened exactly once", () => {
    const event: fc.Arbitrary<SessionEvent> = fc.constantFrom<SessionEvent>(
      admitted,
      { type: "message", message: { type: "ping", id: 1 } },
      { type: "message", message: { type: "draining" } },
      { type: "malformed", detail: "x" },
      { type: "refused", refusal: new SessionKeyNotListed() },
      { type: "challengeExpired", refusal: new ChallengeExpired() },
      { type: "end", code: 4001, reason: "moved" },
      { type: "lost" },
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const { types } = run([...events, { type: "lost" }])
        const opened = types.filter((type) => type === "opened").length
        expect(opened).toBeLessThanOrEqual(1)
        expect(types.filter((type) => type === "ended")).toHaveLength(opened)
        expect(types.filter((type) => type === "close").length).toBeLessThanOrEqual(1)
      }),
    )
  })
})
