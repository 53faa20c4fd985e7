import { expect, test } from "bun:test"
import { HandshakeTurns } from "./HandshakeTurns.ts"

/** Takes a turn and says in `began` when it comes. */
const taking = (turns: HandshakeTurns, began: string[]) => (caller: string, name: string) =>
  turns.take(caller, () => began.push(name))

test("no more than allowed run at once, and the next begins when one ends", () => {
  const began: string[] = []
  const take = taking(new HandshakeTurns(2, 2), began)
  const end = take("a", "1")
  take("b", "2")
  take("c", "3")
  expect(began).toEqual(["1", "2"])
  end()
  end()
  take("d", "4")
  expect(began).toEqual(["1", "2", "3"])
})

test("one caller's stalled turns leave room for the others, whoever came first", () => {
  const began: string[] = []
  const turns = new HandshakeTurns(3, 2)
  const take = taking(turns, began)
  const ends = ["a1", "a2", "a3", "a4"].map((name) => take("a", name))
  take("b", "b1")
  expect(began).toEqual(["a1", "a2", "b1"])
  ends[0]?.()
  expect(began).toEqual(["a1", "a2", "b1", "a3"])
})

test("what ended while it waited never begins and is not kept", () => {
  const began: string[] = []
  const turns = new HandshakeTurns(1, 1)
  const take = taking(turns, began)
  const end = take("a", "stalled")
  for (let count = 0; count < 100; count += 1) take("b", "gone")()
  expect(turns.waiting).toBe(0)
  end()
  expect(began).toEqual(["stalled"])
})

test("a hundred thousand turns that end as they begin are taken one after the other, not one inside the other", () => {
  const turns = new HandshakeTurns(1, 1)
  const end = turns.take("a", () => {})
  let began = 0
  for (let count = 0; count < 100_000; count += 1)
    turns.take("b", (done) => {
      began += 1
      done()
    })
  end()
  expect([began, turns.waiting]).toEqual([100_000, 0])
})
