/** What a relay does with streams that are opened or resumed while no agent of their cluster is connected or answers, as after its own restart. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { once } from "node:events"
import { TestAgent } from "../testing/TestAgent.ts"
import { startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { openUserHalf, refusalOf } from "../testing/TestUser.ts"

const instance = "10.0.0.7:8443#nonce"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay()
})
afterEach(() => relay[Symbol.asyncDispose]())

const untilWaiting = async (count: number) => {
  while (relay.relay.streams.statistics().openings < count) await new Promise((resolve) => setImmediate(resolve))
}

test("it waits for the agent that comes back", async () => {
  const material = await relay.cluster("edge-1")
  const user = openUserHalf(relay, { instance })
  await untilWaiting(1)
  const agent = await TestAgent.open(relay.ws, material)
  const half = await agent.pickUp(await agent.dial())
  const toAgent = once(half, "message")
  half.resume()
  ;(await user).send(Buffer.from("resumed"))
  expect(String((await toAgent)[0])).toBe("resumed")
})

test("it is 503 NoAgent when none has come before the client's own limit of 7 s", async () => {
  await relay.cluster("edge-1")
  const user = refusalOf(openUserHalf(relay, { instance }))
  await untilWaiting(1)
  relay.time.advance(6_999)
  expect(await user).toMatchObject({ code: 503, hop: "agent", cause: "NoAgent" })
})

/** 100 of 150 dials at once, and no more before a quarter of a second has passed. */
const expectGroups = async (agent: TestAgent) => {
  for (let dialled = 0; dialled < 100; dialled += 1) await agent.dial()
  agent.send({ type: "ping", id: 7 })
  expect(await agent.messages.next()).toEqual({ type: "pong", id: 7 })
  relay.time.advance(250)
  for (let dialled = 0; dialled < 50; dialled += 1) await agent.dial()
}

test("many are let go in groups that one agent takes", async () => {
  const material = await relay.cluster("edge-1")
  const users = Array.from({ length: 150 }, () => openUserHalf(relay, { instance }).catch(() => {}))
  await untilWaiting(users.length)
  const agent = await TestAgent.open(relay.ws, material)
  await expectGroups(agent)
  relay.time.advance(6_999)
  await Promise.all(users)
})

test("many whose agent does not answer are asked anew in groups too", async () => {
  const material = await relay.cluster("edge-1")
  const silent = await TestAgent.open(relay.ws, material, "one")
  const users = Array.from({ length: 150 }, () => openUserHalf(relay).catch(() => {}))
  for (let dialled = 0; dialled < users.length; dialled += 1) await silent.dial()
  const next = await TestAgent.open(relay.ws, material, "two")
  relay.time.advance(3_000)
  await expectGroups(next)
  relay.time.advance(6_999)
  await Promise.all(users)
})
