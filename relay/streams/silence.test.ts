import { afterEach, beforeEach, expect, test } from "bun:test"
import type { WebSocket } from "ws"
import { carrierSilenceMillis } from "../configuration/limits.ts"
import { TestAgent } from "../testing/TestAgent.ts"
import { startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { closeOf, openCarrier } from "../testing/TestUser.ts"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay()
})
afterEach(() => relay[Symbol.asyncDispose]())

const carrier = async () => openCarrier(relay, await TestAgent.open(relay.ws, await relay.cluster("edge-1")))
const passes = async (from: WebSocket, to: WebSocket) => {
  const arrived = new Promise((resolve) => to.once("message", resolve))
  to.resume()
  from.send(Buffer.from("a frame"))
  await arrived
}

test("a carrier on which nothing came for a hold time, from either side, is let go", async () => {
  const { user, agentHalf } = await carrier()
  const closed = Promise.all([closeOf(user), closeOf(agentHalf)])
  relay.time.advance(carrierSilenceMillis)
  expect(await closed).toEqual([
    { code: 4001, reason: "silent" },
    { code: 4001, reason: "silent" },
  ])
  expect(relay.relay.streams.statistics()).toMatchObject({ carriers: 0 })
})

test("one message of either side keeps it for another hold time", async () => {
  const { user, agentHalf } = await carrier()
  for (const [from, to] of [
    [user, agentHalf],
    [agentHalf, user],
  ] as const) {
    relay.time.advance(carrierSilenceMillis / 2)
    await passes(from, to)
    relay.time.advance(carrierSilenceMillis / 2)
  }
  await passes(user, agentHalf)
  expect(relay.relay.streams.statistics()).toMatchObject({ carriers: 1 })
})
