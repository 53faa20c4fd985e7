import { expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import { identityFollows } from "../../protocol/document.ts"
import { documentIn, identityOf, rotatable } from "./CredentialState.ts"
import { newState } from "./makeChange.ts"
import { nextMove } from "./nextMove.ts"
import { dayMillis, newWorld, RotationWorld, wanted } from "./testing/RotationWorld.ts"

test("a new cluster has one session key and one root, is published once, and rests", async () => {
  const world = new RotationWorld(await newState(wanted, new Date("2026-01-01T00:00:00Z")))
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
