import { describe, expect, test } from "bun:test"
import { closeCode } from "../../../protocol/names.ts"
import { newSecret } from "../../../protocol/ticket.ts"
import { Simulation, simulatedRelay } from "../fixtures/Simulation.ts"

const started = () => new Simulation().happen({ type: "timer" })
const challenge = { type: "challenge", nonce: newSecret(), relayUrl: simulatedRelay, version: "1" } as const

describe("after a failure", () => {
  const fail = (agent: Simulation) => {
    const id = agent.state.connections[0]?.id ?? 0
    return agent.happen({ type: "connectFailed", id, setback: "lost", detail: "no" })
  }
  const waits = (agent: Simulation, failures: number) =>
    Array.from({ length: failures }, () => {
      fail(agent)
      const waited = (agent.state.dialAt ?? agent.at) - agent.at
      agent.pass(waited)
      return waited
    })

  test("an idle agent waits with full jitter, doubling up to a minute", () => {
    const agent = started()
    agent.random = 0.999999
    expect(waits(agent, 10)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
    agent.random = 0
    expect(waits(agent, 2)).toEqual([100, 100])
  })

  test("an agent with live streams dials at once, then at a short pace without jitter", () => {
    const agent = started()
    agent.streamsLive = true
    for (const random of [0, 0.999]) {
      agent.random = random
      agent.state = started().state
      expect(waits(agent, 6)).toEqual([0, 250, 500, 1000, 1000, 1000])
    }
  })

  test("a refusal is told with the relay's word and waits longer, live streams or not", () => {
    for (const streamsLive of [false, true]) {
      const agent = started().happen({ type: "connected", id: 1 }).receive(1, challenge)
      Object.assign(agent, { streamsLive, random: 0.999999 })
      agent.taken()
      agent.receive(1, { type: "refused", cause: "NotRegistered", message: "edge-1 is not registered" })
      expect(agent.reports()).toEqual([
        { event: "refused", cause: "NotRegistered", detail: "edge-1 is not registered", retryInMillis: 5000 },
      ])
      agent.pass(4999)
      expect(agent.dials()).toEqual([])
      agent.pass(1)
      expect(agent.dials()).toEqual([2])
    }
  })

  test("a refusal that passes by itself, as for a relay's database, is no reason to wait longer", () => {
    const agent = started().happen({ type: "connected", id: 1 }).receive(1, challenge)
    agent.streamsLive = true
    agent.taken()
    agent.receive(1, { type: "refused", cause: "StoreUnavailable", message: "try again" })
    expect(agent.dials()).toEqual([2])
  })

  test("a relay's refusal of any length is closed with a reason that fits a close frame", () => {
    const agent = started().happen({ type: "connected", id: 1 }).receive(1, challenge)
    agent.receive(1, { type: "refused", cause: "x".repeat(1000), message: "" })
    const closes = agent.taken().filter((action) => action.type === "close")
    expect(closes).toEqual([{ type: "close", id: 1, code: 1000, reason: "refused" }])
  })

  test("a session that is revoked waits as one that is refused", () => {
    const agent = started().open(1)
    agent.random = 0.999999
    agent.taken()
    agent.happen({ type: "closed", id: 1, code: closeCode.revoked, reason: "" })
    expect(agent.reports()[0]).toMatchObject({ event: "refused", cause: "Revoked", retryInMillis: 5000 })
  })

  test("sessions that open and end at once keep backing off; one that lasted begins anew", () => {
    const agent = started()
    agent.random = 0.999999
    const reopen = (lastedMillis: number) => {
      const id = agent.state.connections[0]?.id ?? 0
      agent.open(id).pass(lastedMillis)
      agent.happen({ type: "closed", id, code: 1006, reason: "" })
      const waited = (agent.state.dialAt ?? 0) - agent.at
      agent.pass(waited)
      return waited
    }
    expect([reopen(10), reopen(10), reopen(10)]).toEqual([500, 1000, 2000])
    expect(reopen(10_000)).toBe(500)
  })

  test("what a connection says that was given up changes nothing", () => {
    const agent = started().open(1)
    agent.happen({ type: "closed", id: 1, code: 1006, reason: "" })
    const { state } = agent
    agent.happen({ type: "closed", id: 1, code: 1006, reason: "" }).receive(1, { type: "ping", id: 1 })
    expect(agent.state).toEqual(state)
  })
})
