import { expect, test } from "bun:test"
import fc from "fast-check"
import { createServer } from "./create.ts"
import { reason } from "./reasons.ts"
import type { Action, Event, State } from "./state.ts"
import { step } from "./step.ts"

const identity = { streamId: new Uint8Array(16), resumeSecret: new Uint8Array(32) }
const text = "every byte once and in order, however the frames overlap"

/** A server core that is open, and what it delivers. */
const open = () => {
  let state: State = createServer(identity, "a:1#n", 0)
  let delivered = ""
  const actions: Action[] = []
  const feed = (event: Record<string, unknown>) => {
    const at = { now: 0, wall: 0, spare: 1 << 24, room: 131_072 }
    const [next, done] = step(state, { ...event, at } as unknown as Event)
    state = next
    actions.push(...done)
    for (const action of done) if (action.type === "deliver") delivered += Buffer.from(action.bytes).toString()
  }
  feed({ type: "offered", generation: 1, receivedOffset: 0, creditLimit: 262_144 })
  return {
    feed,
    data: (from: number, to: number) =>
      feed({
        type: "frame",
        generation: 1,
        frame: { type: "data", offset: from, payload: Buffer.from(text.slice(from, to)) },
      }),
    delivered: () => delivered,
    pieces: () => actions.flatMap((action) => (action.type === "deliver" ? [action.bytes] : [])),
    ends: () => actions.filter((action) => action.type === "ended"),
  }
}

test("a frame that overlaps what was received adds only what is new", () => {
  const it = open()
  it.data(0, 10)
  it.data(5, 20)
  it.data(0, 20)
  it.data(19, 21)
  expect(it.delivered()).toBe(text.slice(0, 21))
  expect(it.ends()).toEqual([])
})

test("what is new of a frame that is mostly old does not keep the whole frame in memory", () => {
  const it = open()
  const payload = (length: number) => Buffer.alloc(length, "x")
  it.feed({ type: "frame", generation: 1, frame: { type: "data", offset: 0, payload: payload(15_000) } })
  it.feed({ type: "frame", generation: 1, frame: { type: "data", offset: 0, payload: payload(16_000) } })
  const [, second] = it.pieces()
  expect([second?.byteLength, second?.buffer.byteLength]).toEqual([1_000, 1_000])
})

test("frames cut and repeated anywhere deliver the text once, as long as there is no gap", () => {
  const cuts = fc.array(fc.tuple(fc.nat(text.length), fc.nat(text.length)), { maxLength: 60, size: "max" })
  fc.assert(
    fc.property(cuts, (cuts) => {
      const it = open()
      let end = 0
      for (const [a, b] of cuts) {
        const [from, to] = [Math.min(a, b, end), Math.max(a, b)]
        if (from === to) continue
        it.data(from, to)
        end = Math.max(end, to)
      }
      expect(it.delivered()).toBe(text.slice(0, end))
      expect(it.ends()).toEqual([])
    }),
  )
})

test("a resume below what was acknowledged cannot be served and resets the stream", () => {
  const it = open()
  it.feed({ type: "local", bytes: Buffer.from("answer") })
  it.feed({ type: "frame", generation: 1, frame: { type: "ack", receivedOffset: 6, end: "none" } })
  it.feed({ type: "offered", generation: 2, receivedOffset: 3, creditLimit: 262_144 })
  expect(it.ends()).toMatchObject([{ reason: reason.ackRegressed }])
})

test("what breaks the protocol after the end changes nothing any more", () => {
  const it = open()
  it.feed({ type: "reset", reason: "application" })
  it.data(40, 50)
  it.feed({ type: "frame", generation: 1, frame: { type: "credit", limit: 2 ** 53 } })
  it.feed({ type: "malformed", generation: 1 })
  it.feed({ type: "reset", reason: "again" })
  expect(it.ends()).toMatchObject([{ reason: "application" }])
})
