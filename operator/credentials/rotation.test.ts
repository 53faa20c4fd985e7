import { expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import { Either } from "effect"
import fc from "fast-check"
import { identityFollows, openDocument } from "../../protocol/document.ts"
import { keyFromPem, spkiOf } from "../../protocol/keys.ts"
import {
  type CredentialState,
  documentIn,
  filesOfState,
  fingerprintOf,
  identityOf,
  rotatable,
  stateFrom,
} from "./CredentialState.ts"
import { makeChange, newState } from "./makeChange.ts"
import { type CredentialsWanted, nextMove } from "./nextMove.ts"

const dayMillis = 86_400_000
const wanted: CredentialsWanted = {
  clusterName: "edge-1",
  relayUrl: "https://relay.example.com",
  audiences: { "https://idp.example.com": "a" },
  agentKeyDays: 30,
  servingCertificateDays: 30,
  requests: {},
}

/**
 * A cluster, its relay and its operator, with everything that may go wrong between two steps. The operator's memory is the stored
 * state alone, so that a crash is only a step that did not happen.
 */
class World {
  wanted = wanted
  nowMillis = Date.parse("2026-01-01T00:00:00Z")
  relayAnswers = true
  /** The document that the relay has; undefined before the first. */
  relayDocument: string | undefined
  /** What the agents' Secret holds, and what each agent has taken from it. */
  agentSecret: { key: string; document: string }
  agents: { key: string; document: string; connected: boolean }[]
  authProxySecret: string
  /** Leaves in use by auth proxies. */
  authProxies: string[]
  readonly changes: string[] = []

  state: CredentialState

  constructor(state: CredentialState) {
    this.state = state
    this.agentSecret = this.#forAgents()
    this.agents = [0, 1].map(() => ({ ...this.agentSecret, connected: false }))
    this.authProxySecret = state.leaf.certificatePem
    this.authProxies = [this.authProxySecret, this.authProxySecret]
  }

  #forAgents() {
    return { key: spkiOf(keyFromPem(this.state.session.pem)), document: this.state.signedDocument }
  }

  shown() {
    const sessions = this.agents.filter(({ connected }) => connected)
    return {
      sessions: this.relayAnswers
        ? sessions.map(({ key, document }, index) => ({
            instance: String(index),
            sessionKey: key,
            documentSerial: serialOf(document),
          }))
        : undefined,
      relaySerial: this.relayAnswers && this.relayDocument !== undefined ? serialOf(this.relayDocument) : undefined,
      agents: this.agents.map(({ key, document, connected }) => ({
        sessionKey: key,
        documentSerial: serialOf(document),
        isConnected: connected,
      })),
      authProxies: this.authProxies.map(fingerprintOf),
    }
  }

  move() {
    return nextMove(this.state, this.wanted, this.shown(), this.nowMillis)
  }

  /** One pass of the operator: one move, then what the pods' Secrets hold. `crash`: it ends after the move. */
  async pass(crash = false) {
    const move = this.move()
    if (move.move === "change") {
      this.changes.push(move.change)
      const { relaySerial } = this.shown()
      const next = await makeChange(this.state, move.change, this.wanted, new Date(this.nowMillis), relaySerial)
      this.state = Either.getOrThrow(stateFrom(filesOfState(next)))
    }
    if (move.move === "publish" && this.relayAnswers) {
      this.#relayTakes(this.state.signedDocument)
      if (crash) return move
      this.state = { ...this.state, publishedSerial: documentIn(this.state).serial }
    }
    if (crash) return move
    this.agentSecret = this.#forAgents()
    this.authProxySecret = this.state.leaf.certificatePem
    return move
  }

  #relayTakes(text: string) {
    const next = Either.getOrThrow(openDocument(text))
    const known = this.relayDocument && Either.getOrThrow(openDocument(this.relayDocument))
    if (!known || next.serial > known.serial) {
      if (known) expect(identityFollows(next, (identity) => identity === known.identityKey)).toBe(true)
      this.relayDocument = text
    }
    // A key that left the document has no session any more.
    const { sessionKeys } = Either.getOrThrow(openDocument(this.relayDocument ?? text))
    for (const agent of this.agents) agent.connected &&= sessionKeys.includes(agent.key)
  }

  /** An agent's files are what the Secret has, and it opens a session with them, if it may. */
  agentMoves(index: number) {
    const agent = this.agents[index % this.agents.length]!
    Object.assign(agent, this.agentSecret, { connected: false })
    if (!this.relayAnswers || this.relayDocument === undefined) return
    this.#relayTakes(agent.document)
    agent.connected = Either.getOrThrow(openDocument(this.relayDocument)).sessionKeys.includes(agent.key)
    // The promise of it all: whoever holds what the Secret says is let in.
    expect(agent.connected).toBe(true)
  }

  authProxyMoves(index: number) {
    this.authProxies[index % this.authProxies.length] = this.authProxySecret
  }

  /** What must hold at every moment. */
  check() {
    const document = documentIn(this.state)
    expect(document.sessionKeys.length).toBeLessThanOrEqual(2)
    expect(document.roots.length).toBeLessThanOrEqual(2)
    if (this.relayDocument === undefined) return
    const atRelay = Either.getOrThrow(openDocument(this.relayDocument))
    for (const leaf of [...this.authProxies, this.authProxySecret])
      expect(atRelay.roots.some((root) => new X509Certificate(leaf).checkIssued(new X509Certificate(root)))).toBe(true)
  }

  /** Everything is up: all moves until there is none. */
  async settle() {
    this.relayAnswers = true
    for (let pass = 0; pass < 60; pass++) {
      const { move } = await this.pass()
      for (const index of [0, 1]) {
        this.agentMoves(index)
        this.authProxyMoves(index)
      }
      this.check()
      if (move === "rest") return pass
    }
    throw new Error(`no rest after 60 passes: ${this.changes.join(" ")}`)
  }
}

const serialOf = (text: string) => Either.getOrThrow(openDocument(text)).serial
const newWorld = async () => {
  const world = new World(await newState(wanted, new Date("2026-01-01T00:00:00Z")))
  await world.settle()
  world.changes.length = 0
  return world
}

test("a new cluster has one session key and one root, is published once, and rests", async () => {
  const world = new World(await newState(wanted, new Date("2026-01-01T00:00:00Z")))
  expect(world.move()).toEqual({ move: "publish" })
  await world.settle()
  expect(world.changes).toEqual([])
  expect(documentIn(world.state).sessionKeys).toHaveLength(1)
  expect(documentIn(world.state).roots).toHaveLength(1)
})

test("an agent's session key is replaced when its days are over: known first, used then, dropped last", async () => {
  const world = await newWorld()
  const before = world.state.session.pem
  world.nowMillis += 29 * dayMillis
  expect(world.move()).toEqual({ move: "rest" })
  world.nowMillis += dayMillis
  await world.settle()
  expect(world.changes).toEqual(["renew-leaf", "add-session-key", "use-next-session-key", "drop-old-session-key"])
  expect(world.state.session.pem).not.toBe(before)
  expect(identityOf(world.state)).toBe(documentIn(world.state).identityKey)
})

test("the old session key stays while one agent still uses it, or the relay does not say", async () => {
  const world = await newWorld()
  world.wanted = { ...wanted, requests: { "session-key": "1" } }
  for (let pass = 0; pass < 6; pass++) await world.pass()
  world.agentMoves(0)
  expect(world.move()).toEqual({ move: "wait", for: "every control session to use the agent's new session key" })
  world.agentMoves(1)
  world.relayAnswers = false
  expect(world.move().move).toBe("wait")
  world.relayAnswers = true
  expect(world.move()).toEqual({ move: "change", change: "drop-old-session-key" })
})

test("a thief of the session key, who never lets go of a session, does not keep the key valid", async () => {
  const world = await newWorld()
  const stolen = { ...world.shown().sessions![0]!, instance: "thief" }
  world.wanted = { ...wanted, requests: { "session-key": "1" } }
  for (let pass = 0; pass < 6; pass++) await world.pass()
  const move = () => {
    const { sessions, ...shown } = world.shown()
    return nextMove(world.state, world.wanted, { ...shown, sessions: [...sessions!, stolen] }, world.nowMillis)
  }
  world.agentMoves(0)
  expect(move().move).toBe("wait")
  world.agentMoves(1)
  expect(move()).toEqual({ move: "change", change: "drop-old-session-key" })
  const silent = { ...world.shown(), sessions: [...world.shown().sessions!, stolen], agents: [undefined] }
  expect(nextMove(world.state, world.wanted, silent, world.nowMillis).move).toBe("wait")
})

test("a new root is published before the leaf changes, and the old one stays while an auth proxy shows the old leaf", async () => {
  const world = await newWorld()
  world.wanted = { ...wanted, requests: { roots: "1" } }
  await world.pass()
  world.relayAnswers = false
  for (let pass = 0; pass < 3; pass++) expect((await world.pass()).move).toBe("publish")
  expect(world.changes).toEqual(["add-root"])
  world.relayAnswers = true
  await world.pass()
  await world.pass()
  expect(world.changes).toEqual(["add-root", "use-next-root"])
  world.authProxyMoves(0)
  expect(world.move().move).toBe("wait")
  world.authProxyMoves(1)
  expect(world.move()).toEqual({ move: "change", change: "drop-old-root" })
})

test("a leaf is renewed while the relay is away: nobody has to be told", async () => {
  const world = await newWorld()
  world.relayAnswers = false
  world.nowMillis += 30 * dayMillis
  await world.pass()
  expect(world.changes).toEqual(["renew-leaf"])
})

test("each value of an annotation rotates once", async () => {
  const world = await newWorld()
  for (const value of ["1", "2"]) {
    world.wanted = { ...wanted, requests: Object.fromEntries(rotatable.map((what) => [what, value])) }
    world.changes.length = 0
    await world.settle()
    expect(world.changes.filter((change) => change === "replace-identity")).toHaveLength(1)
    expect(world.changes.filter((change) => change === "add-session-key")).toHaveLength(1)
    expect(world.changes.filter((change) => change === "add-root")).toHaveLength(1)
  }
  world.changes.length = 0
  await world.settle()
  expect(world.changes).toEqual([])
})

test("the identity follows from the one before, and a pinned client can tell", async () => {
  const world = await newWorld()
  const pinned = identityOf(world.state)
  world.wanted = { ...wanted, requests: { identity: "now" } }
  await world.settle()
  const document = documentIn(world.state)
  expect(document.identityKey).not.toBe(pinned)
  expect(identityFollows(document, (identity) => identity === pinned)).toBe(true)
})

test("a Secret from a backup: its keys are published above what the relay has, whatever the clock says", async () => {
  for (const clockMillis of [dayMillis, -dayMillis]) {
    const world = await newWorld()
    const backup = world.state
    world.wanted = { ...wanted, requests: { "session-key": "1", roots: "1" } }
    await world.settle()
    const serial = documentIn(world.state).serial
    world.state = backup
    world.wanted = { ...wanted, requests: {} }
    world.nowMillis += clockMillis
    world.changes.length = 0
    for (const agent of world.agents) agent.connected = false
    expect(world.move()).toEqual({ move: "change", change: "sign-document" })
    await world.pass()
    expect(world.move()).toEqual({ move: "publish" })
    await world.pass()
    for (const index of [0, 1]) world.authProxyMoves(index)
    await world.settle()
    expect(world.changes).toEqual(["sign-document"])
    expect(documentIn(world.state).serial).toBeGreaterThan(serial)
    expect(world.state.session).toEqual(backup.session)
  }
})

test("a relay from a backup gets the newest document again", async () => {
  const world = await newWorld()
  const before = world.relayDocument
  world.wanted = { ...wanted, audiences: { "https://b.example.com": "b" } }
  await world.settle()
  world.relayDocument = before
  expect(world.move()).toEqual({ move: "publish" })
  await world.settle()
  expect(world.relayDocument).toBe(world.state.signedDocument)
})

test("other audiences or another relay are signed and published", async () => {
  const world = await newWorld()
  const serial = documentIn(world.state).serial
  world.wanted = { ...wanted, audiences: { ...wanted.audiences, "https://b.example.com": "b" } }
  await world.settle()
  expect(world.changes).toEqual(["sign-document"])
  expect(documentIn(world.state).audiences).toEqual(world.wanted.audiences)
  expect(documentIn(world.state).serial).toBeGreaterThan(serial)
})

test("a clock that went back makes no lower serial, and what was made in a far future is made again", async () => {
  const world = await newWorld()
  const serial = documentIn(world.state).serial
  world.nowMillis += 3_000 * dayMillis
  await world.settle()
  world.nowMillis -= 3_000 * dayMillis
  world.changes.length = 0
  await world.settle()
  expect(world.changes).toContain("renew-leaf")
  expect(world.changes).toContain("add-root")
  expect(documentIn(world.state).serial).toBeGreaterThan(serial)
  expect(Date.parse(new X509Certificate(world.state.leaf.certificatePem).validFrom)).toBeLessThan(world.nowMillis)
})

test("ten years of renewals leave one root and one key, and every leaf within its root's life", async () => {
  const world = await newWorld()
  for (let quarter = 0; quarter < 40; quarter++) {
    world.nowMillis += 91 * dayMillis
    await world.settle()
  }
  const { root, leaf } = world.state
  expect(world.changes.filter((change) => change === "add-root").length).toBeGreaterThanOrEqual(1)
  expect(Date.parse(new X509Certificate(leaf.certificatePem).validTo)).toBeLessThan(
    Date.parse(new X509Certificate(root.certificatePem).validTo),
  )
  expect(documentIn(world.state).roots).toHaveLength(1)
})

test("a Secret of which any part is damaged is refused by that part's name, and nothing of it is told", async () => {
  const { state } = await newWorld()
  const other = await newState(wanted, new Date("2026-01-01T00:00:00Z"))
  const refused = (damage: Partial<CredentialState>) =>
    Either.getOrThrow(Either.flip(stateFrom(filesOfState({ ...state, ...damage })))).detail
  expect(Either.isRight(stateFrom(filesOfState(state)))).toBe(true)
  for (const part of ["root", "leaf"] as const) {
    expect(refused({ [part]: { ...state[part], keyPem: "no key" } })).toBe(`${part} cannot be read`)
    expect(refused({ [part]: { ...state[part], keyPem: other[part].keyPem } })).toBe(`${part} cannot be read`)
    expect(refused({ [part]: { ...state[part], certificatePem: "none" } })).toBe(`${part} cannot be read`)
  }
  expect(refused({ otherRoot: { ...state.root, keyPem: other.root.keyPem, role: "old" } })).toBe(
    "otherRoot cannot be read",
  )
  expect(refused({ leaf: other.leaf })).toBe("the leaf is not by the root")
  expect(refused({ session: { ...state.session, pem: "no key" } })).toBe("session cannot be read")
  expect(refused({ session: other.session })).toBe("the document does not list the session key")
  expect(refused({ identityPem: other.identityPem })).toBe("the document is of another identity key")
  expect(refused({ signedDocument: "x" })).toBe("the signed document cannot be read")
  const without = (file: string) => {
    const { [file]: _, ...files } = filesOfState(state)
    return Either.getOrThrow(Either.flip(stateFrom(files))).detail
  }
  expect([without("identity.key"), without("state.json")]).toEqual(["identity.key is missing", "state.json is missing"])
})

const event = fc.oneof(
  fc.constant({ type: "pass" } as const),
  fc.constant({ type: "crash" } as const),
  fc.record({ type: fc.constant("agent" as const), index: fc.nat(1) }),
  fc.record({ type: fc.constant("auth-proxy" as const), index: fc.nat(1) }),
  fc.record({ type: fc.constant("relay" as const), up: fc.boolean() }),
  fc.record({ type: fc.constant("request" as const), what: fc.constantFrom(...rotatable), value: fc.nat(3) }),
  fc.record({ type: fc.constant("days" as const), days: fc.integer({ min: -40, max: 40 }) }),
  fc.record({ type: fc.constant("audience" as const), audience: fc.constantFrom("a", "b") }),
)

test("whatever happens in whatever order: nobody who follows is locked out, and all comes to rest", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const world = await newWorld()
      for (const one of events) {
        if (one.type === "pass" || one.type === "crash") await world.pass(one.type === "crash")
        if (one.type === "agent") world.agentMoves(one.index)
        if (one.type === "auth-proxy") world.authProxyMoves(one.index)
        if (one.type === "relay") world.relayAnswers = one.up
        if (one.type === "days") world.nowMillis += one.days * dayMillis
        if (one.type === "audience")
          world.wanted = { ...world.wanted, audiences: { "https://idp.example.com": one.audience } }
        if (one.type === "request")
          world.wanted = {
            ...world.wanted,
            requests: { ...world.wanted.requests, [one.what]: String(one.value) },
          }
        world.check()
      }
      await world.settle()
      expect(documentIn(world.state).sessionKeys).toHaveLength(1)
      expect(documentIn(world.state).roots).toHaveLength(1)
      expect(world.relayDocument).toBe(world.state.signedDocument)
    }),
    {
      numRuns: 60,
      examples: [
        // An agent whose files are late shows a document by the identity of before.
        [
          [
            { type: "request", what: "identity", value: 0 },
            { type: "crash" },
            { type: "crash" },
            { type: "agent", index: 0 },
          ],
        ],
      ],
    },
  )
}, 120_000)
