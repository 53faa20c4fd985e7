import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { type OpeningAction, type OpeningEvent, type OpeningState, opening, openingStep } from "./openingStep.ts"

const run = (...events: readonly OpeningEvent[]) => runFrom(opening(false), events)
const runFrom = (from: OpeningState, events: readonly OpeningEvent[]) => {
  let state = from
  const actions: OpeningAction[] = []
  for (const event of events) {
    const [next, more] = openingStep(state, event)
    state = next
    actions.push(...more)
  }
  return { state, actions }
}
const chosen: OpeningEvent = { type: "chosen", available: true }
const none: OpeningEvent = { type: "chosen", available: false }

describe("an opening", () => {
  test("pairs with the first half that arrives and forgets the rest", () => {
    const { state, actions } = run(
      chosen,
      { type: "unanswered", attempt: 0 },
      chosen,
      { type: "arrived", attempt: 0 },
      { type: "arrived", attempt: 1 },
    )
    expect(state.phase).toBe("ended")
    expect(actions.slice(-2)).toEqual([{ type: "pair", attempt: 0 }, { type: "forget" }])
  })

  test("asks three sessions at most", () => {
    const failed = (attempt: number): OpeningEvent => ({ type: "dialFailed", attempt, reason: "overloaded" })
    const { actions } = run(chosen, failed(0), chosen, failed(1), chosen, failed(2))
    expect(actions.filter(({ type }) => type === "dial")).toHaveLength(3)
    expect(actions.at(-2)).toEqual({ type: "refuse", failure: { type: "dialFailed", reason: "overloaded" } })
  })

  test("gives up at once when the stream's own auth proxy is gone", () => {
    const { actions } = run(chosen, { type: "dialFailed", attempt: 0, reason: "instance" })
    expect(actions).toContainEqual({ type: "refuse", failure: { type: "dialFailed", reason: "instance" } })
    expect(actions.filter(({ type }) => type === "choose")).toHaveLength(0)
  })

  test("waits on for an agent that is slow when there is no other", () => {
    const { state, actions } = run(chosen, { type: "unanswered", attempt: 0 }, none)
    expect(state.phase).toBe("waiting")
    expect(actions.some(({ type }) => type === "refuse")).toBe(false)
  })

  test("of a new stream is refused at once when there is no agent, of a resumed one asks the first that comes, once", () => {
    expect(run(none).actions).toContainEqual({ type: "refuse", failure: { type: "noAgent" } })
    const came: OpeningEvent = { type: "agentCame" }
    expect(runFrom(opening(true), [none]).actions).toEqual([])
    const { actions } = runFrom(opening(true), [none, came, chosen, came])
    expect(actions).toEqual([{ type: "choose" }, { type: "dial", attempt: 0 }])
    expect(runFrom(opening(true), [none, { type: "expired" }]).actions).toContainEqual({
      type: "refuse",
      failure: { type: "noAgent" },
    })
  })

  test("whose agents do not answer asks the next one that comes, once, three in all", () => {
    const came: OpeningEvent = { type: "agentCame" }
    const unanswered = (attempt: number): OpeningEvent => ({ type: "unanswered", attempt })
    expect(run(chosen, came).actions).toEqual([{ type: "dial", attempt: 0 }])
    const { state, actions } = run(chosen, unanswered(0), none, came, chosen, came)
    expect(actions.slice(1)).toEqual([{ type: "choose" }, { type: "choose" }, { type: "dial", attempt: 1 }])
    const more = [unanswered(1), none, came, chosen, unanswered(2), came]
    expect(runFrom(state, more).actions.filter(({ type }) => type === "dial")).toEqual([{ type: "dial", attempt: 2 }])
    expect(runFrom(state, more).actions.at(-1)).toEqual({ type: "dial", attempt: 2 })
  })

  test("of whose sessions one is late and the only other refuses is refused, so that the user's next dial asks anew", () => {
    const refused: OpeningEvent = { type: "dialFailed", attempt: 1, reason: "overloaded" }
    const { actions } = run(chosen, { type: "unanswered", attempt: 0 }, chosen, refused, none)
    expect(actions).toContainEqual({ type: "refuse", failure: { type: "dialFailed", reason: "overloaded" } })
    const { state } = run(chosen, refused, chosen, { type: "dialFailed", attempt: 0, reason: "overloaded" }, none)
    expect(state.phase, "attempt 1 is neither late nor refused").toBe("waiting")
  })

  test("that is late asks one session more, however often it is said", () => {
    const late: OpeningEvent = { type: "unanswered", attempt: 0 }
    expect(run(chosen, late, late, chosen, late).actions.slice(1)).toEqual([
      { type: "choose" },
      { type: "dial", attempt: 1 },
    ])
  })

  test("ends exactly once, with exactly one answer unless the user left, whatever happens in whatever order", () => {
    const attempt = fc.integer({ min: 0, max: 3 })
    const event: fc.Arbitrary<OpeningEvent> = fc.oneof(
      fc.record({ type: fc.constant("chosen" as const), available: fc.boolean() }),
      fc.constant({ type: "agentCame" as const }),
      fc.record({
        type: fc.constant("dialFailed" as const),
        attempt,
        reason: fc.constantFrom("instance" as const, "overloaded" as const, "auth-proxy-unreachable" as const),
      }),
      fc.record({ type: fc.constant("unanswered" as const), attempt }),
      fc.record({ type: fc.constant("arrived" as const), attempt }),
      fc.constant({ type: "userLeft" as const }),
      fc.constant({ type: "expired" as const }),
      fc.constant({ type: "ended" as const, failure: { type: "revoked" as const } }),
    )
    fc.assert(
      fc.property(fc.boolean(), fc.array(event, { maxLength: 30 }), (resumes, events) => {
        const { actions } = runFrom(opening(resumes), [...events, { type: "expired" }])
        const answers = actions.filter(({ type }) => type === "pair" || type === "refuse")
        expect(actions.filter(({ type }) => type === "forget")).toHaveLength(1)
        expect(actions.at(-1)).toEqual({ type: "forget" })
        expect(answers.length).toBeLessThanOrEqual(1)
        if (answers.length === 0) expect(events.some(({ type }) => type === "userLeft")).toBe(true)
        for (const answer of answers)
          if (answer.type === "pair") expect(actions).toContainEqual({ type: "dial", attempt: answer.attempt })
      }),
    )
  })
})
