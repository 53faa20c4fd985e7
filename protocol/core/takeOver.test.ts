import { expect, test } from "bun:test"
import { closeCode } from "../names.ts"
import { createServer } from "./create.ts"
import { reason } from "./reasons.ts"
import type { Action, Event, State } from "./state.ts"
import { step } from "./step.ts"

const holdMillis = 60_000
const identity = { streamId: new Uint8Array(16), resumeSecret: new Uint8Array(32) }

test("a carrier that resumes a stream whose hold is over by the clock on the wall has the one before it closed, and the stream reset", () => {
  let state: State = createServer(identity, "a:1#n", 0, holdMillis)
  const offer = (generation: number, wall: number): readonly Action[] => {
    const at = { now: generation, wall, spare: 1 << 24, room: 131_072 }
    const [next, actions] = step(state, {
      type: "offered",
      generation,
      receivedOffset: 0,
      creditLimit: 262_144,
      at,
    } as Event)
    state = next
    return actions
  }
  offer(1, 0)
  // Silent, and nobody has seen the old carrier break: the machine slept.
  Object.assign(state, { suspendedAt: { now: 1, wall: 1 } })
  const actions = offer(2, holdMillis + 2)
  expect(actions).toContainEqual(expect.objectContaining({ type: "close", generation: 1, code: closeCode.superseded }))
  expect(actions).toContainEqual({ type: "send", frame: { type: "reset", offset: 0, reason: reason.holdExpired } })
})
