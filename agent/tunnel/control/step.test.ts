import { describe, expect, test } from "bun:test"
import * as fc from "fast-check"
import { closeCode } from "../../../protocol/names.ts"
import { newSecret } from "../../../protocol/ticket.ts"
import { Simulation, simulatedRelay } from "../fixtures/Simulation.ts"
import type { ControlEvent } from "./state.ts"

const started = () => new Simulation().happen({ type: "timer" })
const challenge = { type: "challenge", nonce: newSecret(), relayUrl: simulatedRelay, version: "1" } as const
const welcome = { type: "welcome", sessionSecret: newSecret(), replica: "relay-0" } as const
const dial = {
  type: "dial",
  ticket: newSecret(),
  replica: "relay-0",
  protocols: ["v1"],
  callerHash: newSecret(),
  clientAddress: "10.0.0.1",
} as const

describe("a control session", () => {
  test("is dialled at once, proves itself once, and is open with the welcome", () => {
    const agent = started()
    expect(agent.dials()).toEqual([1])
    agent.happen({ type: "connected", id: 1 }).receive(1, challenge)
    expect(agent.taken()).toEqual([{ type: "prove", id: 1, nonce: challenge.nonce }])
    agent.receive(1, welcome)
    expect(agent.taken()).toEqual([
      { type: "opened", id: 1, sessionSecret: welcome.sessionSecret },
      { type: "report", report: { event: "opened", replica: "relay-0" } },
    ])
  })

  test("is not proven to a relay that names another URL: nothing is signed", () => {
    const agent = started().happen({ type: "connected", id: 1 })
    agent.taken()
    const actions = agent.receive(1, { ...challenge, relayUrl: "https://evil.example.com" }).taken()
    expect(actions.map(({ type }) => type)).toEqual(["close", "report"])
    expect(actions[1]).toMatchObject({ report: { event: "refused", cause: "RelayUrlDiffers" } })
  })

  test.each([
    ["a welcome before the challenge", [welcome]],
    ["a second challenge", [challenge, challenge]],
    ["a dial before the welcome", [challenge, dial]],
  ] as const)("ends with %s", (_, messages) => {
    const agent = started().happen({ type: "connected", id: 1 })
    for (const message of messages) agent.receive(1, message)
    expect(agent.taken()).toContainEqual(expect.objectContaining({ type: "close", code: closeCode.protocolError }))
    expect(agent.state.connections).toEqual([])
  })

  test("that gets no welcome within 10 s is given up and dialled again", () => {
    const agent = started().happen({ type: "connected", id: 1 }).receive(1, challenge)
    agent.pass(9_999)
    expect(agent.state.connections.length).toBe(1)
    agent.pass(1)
    expect(agent.reports()).toContainEqual(expect.objectContaining({ event: "refused", cause: "NoWelcome" }))
    agent.pass(10_000)
    expect(agent.dials()).toEqual([2])
  })

  test("that gets no welcome is dialled again at once while streams wait: a relay that stood still refused nothing", () => {
    const agent = started().happen({ type: "connected", id: 1 }).receive(1, challenge)
    agent.streamsLive = true
    agent.taken()
    agent.pass(10_000)
    expect(agent.dials()).toEqual([2])
  })

  test("passes dials on, and answers the relay's pings", () => {
    const agent = started().open(1)
    agent.taken()
    expect(agent.receive(1, dial).taken()).toEqual([{ type: "serve", id: 1, dial }])
    expect(agent.receive(1, { type: "ping", id: 7 }).taken()).toEqual([
      { type: "send", id: 1, message: { type: "pong", id: 7 } },
    ])
  })

  test("outlives a message that it does not understand, once it is open", () => {
    const agent = started().open(1)
    agent.taken()
    agent.happen({ type: "malformed", id: 1, detail: "newer" })
    expect(agent.reports()).toEqual([{ event: "ignored", detail: "newer" }])
    expect(agent.state.connections.length).toBe(1)
  })
})

describe("pings", () => {
  const pings = (agent: Simulation) =>
    agent.taken().filter((action) => action.type === "send" && action.message.type === "ping").length
  const passAnswering = (agent: Simulation, seconds: number) => {
    for (let second = 0; second < seconds; second++) agent.pass(1000).receive(1, { type: "pong", id: 0 })
  }

  test("go out every 20 s while idle, and every 5 s while streams are carried or wait to be carried again", () => {
    const agent = started().open(1)
    passAnswering(agent, 100)
    expect(pings(agent)).toBe(5)
    agent.streamsLive = true
    passAnswering(agent, 100)
    expect(pings(agent)).toBeGreaterThanOrEqual(16)
  })

  test("that stay unanswered for 5 s make the agent dial anew, beside the old session", () => {
    const agent = started().open(1)
    agent.streamsLive = true
    agent.taken()
    agent.pass(10_000)
    const actions = agent.taken()
    expect(actions).toContainEqual({ type: "report", report: { event: "silent" } })
    expect(actions).toContainEqual({ type: "dial", id: 2 })
    expect(actions.some(({ type }) => type === "close")).toBe(false)
    expect(agent.state.connections.map(({ id }) => id)).toEqual([1, 2])
  })

  test("go out when a carrier was lost, once until there is an answer", () => {
    const agent = started().open(1)
    agent.streamsLive = true
    agent.pass(1_000).taken()
    agent.happen({ type: "carrierLost" }).happen({ type: "carrierLost" })
    expect(pings(agent)).toBe(1)
    agent.pass(5_000)
    expect(agent.taken()).toContainEqual({ type: "dial", id: 2 })
    const answered = started().open(1).happen({ type: "carrierLost" }).receive(1, { type: "pong", id: 0 })
    answered.pass(10_000)
    expect(answered.taken()).not.toContainEqual({ type: "report", report: { event: "silent" } })
  })

  test("answered late heal the session, and nothing is dialled that was not yet", () => {
    const agent = started().open(1)
    agent.pass(25_000)
    expect(agent.reports()).toContainEqual({ event: "silent" })
    agent.receive(1, { type: "pong", id: 1 }).pass(10_000)
    expect(agent.dials()).toEqual([])
    expect(agent.state.connections.map(({ id }) => id)).toEqual([1])
  })

  test("answered after the replacement was dialled leave both until the replacement is open", () => {
    const agent = started().open(1)
    agent.pass(26_000).receive(1, { type: "pong", id: 1 })
    expect(agent.state.connections.map(({ id }) => id)).toEqual([1, 2])
    agent.open(2)
    expect(agent.state.connections.map(({ id }) => id)).toEqual([2])
  })

  test("never answered end the old session 15 s later", () => {
    const agent = started().open(1)
    agent.pass(39_999)
    expect(agent.state.connections.some(({ id }) => id === 1)).toBe(true)
    agent.pass(1)
    expect(agent.state.connections.some(({ id }) => id === 1)).toBe(false)
  })
})

describe("new credentials", () => {
  test("are proven by a new session before the old one is closed", () => {
    const agent = started().open(1)
    agent.taken()
    agent.happen({ type: "credentialsChanged" })
    expect(agent.taken()).toEqual([{ type: "dial", id: 2 }])
    agent.open(2)
    expect(agent.taken()).toContainEqual(expect.objectContaining({ type: "close", id: 1, code: closeCode.superseded }))
    expect(agent.state.connections.map(({ id }) => id)).toEqual([2])
  })

  test("that are refused leave the old session open and are tried again", () => {
    const agent = started().open(1)
    agent.happen({ type: "credentialsChanged" }).happen({ type: "connected", id: 2 }).receive(2, challenge)
    agent.receive(2, { type: "refused", cause: "SessionKeyNotListed", message: "no" })
    expect(agent.state.connections.map(({ id }) => id)).toEqual([1])
    agent.taken()
    agent.pass(5_000)
    expect(agent.dials()).toEqual([3])
  })

  test("do not wait for the backoff of the old ones", () => {
    const agent = started()
    for (let n = 0; n < 8; n++)
      agent.happen({ type: "connectFailed", id: agent.state.nextId - 1, setback: "refused", detail: "" }).pass(60_000)
    agent.happen({ type: "connectFailed", id: agent.state.nextId - 1, setback: "refused", detail: "" })
    agent.taken()
    expect(agent.happen({ type: "credentialsChanged" }).dials().length).toBe(1)
  })

  test("and a relay that ends the older session first are no failure", () => {
    const agent = started().open(1).happen({ type: "credentialsChanged" })
    agent.taken()
    agent.happen({ type: "closed", id: 1, code: closeCode.superseded, reason: "" })
    expect(agent.reports()).toEqual([{ event: "superseded" }])
    expect(agent.state.failures).toBe(0)
  })
})

describe("draining", () => {
  test("is told on the open session, refuses dials, dials no more, and still answers pings", () => {
    const agent = started().open(1)
    agent.taken()
    agent.happen({ type: "drain" })
    expect(agent.taken()).toEqual([{ type: "send", id: 1, message: { type: "draining" } }])
    agent.receive(1, dial)
    expect(agent.taken()).toEqual([
      { type: "send", id: 1, message: { type: "dialFailed", ticket: dial.ticket, reason: "draining" } },
    ])
    agent.happen({ type: "closed", id: 1, code: 1006, reason: "" }).pass(600_000)
    expect(agent.dials()).toEqual([])
  })
})

test("whatever happens: never two attempts for the same credentials, always a session or an attempt or a time for one", () => {
  const id = fc.integer({ min: 1, max: 6 })
  const event: fc.Arbitrary<ControlEvent | number> = fc.oneof(
    fc.integer({ min: 0, max: 70_000 }),
    id.map((id): ControlEvent => ({ type: "connected", id })),
    fc
      .tuple(id, fc.constantFrom("lost" as const, "refused" as const))
      .map(([id, setback]): ControlEvent => ({ type: "connectFailed", id, setback, detail: "" })),
    fc
      .tuple(id, fc.constantFrom<typeof challenge | typeof welcome | typeof dial>(challenge, welcome, dial))
      .map(([id, message]): ControlEvent => ({ type: "received", id, message })),
    fc
      .tuple(id, fc.constantFrom(1000, 1006, 4001, 4003, 4008, 4009))
      .map(([id, code]): ControlEvent => ({ type: "closed", id, code, reason: "" })),
    fc.constant<ControlEvent>({ type: "credentialsChanged" }),
  )
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 60 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (events, random) => {
        const agent = started()
        agent.random = random
        for (const one of events) {
          if (typeof one === "number") agent.pass(one)
          else agent.happen(one)
          const { connections, credentials, dialAt } = agent.state
          const fresh = connections.filter((connection) => connection.credentials === credentials)
          expect(fresh.filter(({ phase }) => phase !== "open").length).toBeLessThanOrEqual(1)
          const served = fresh.some((open) => open.phase !== "open" || open.silentSince === undefined)
          expect(served).toBe(dialAt === undefined)
          if (dialAt !== undefined) expect(dialAt - agent.at).toBeLessThanOrEqual(60_000)
        }
      },
    ),
  )
})
