import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { signDocument, successionSignature } from "../../protocol/document.ts"
import { challengeAnswer } from "../../protocol/enrolment.ts"
import { newKey, spkiOf } from "../../protocol/keys.ts"
import type { ClusterMaterial } from "../../protocol/material.ts"
import { closeCode } from "../../protocol/names.ts"
import { TestAgent } from "../testing/TestAgent.ts"
import { publicUrl, startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { closeOf, openCarrier } from "../testing/TestUser.ts"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay({ limits: { controlSessionsPerCluster: 2 } })
})
afterEach(() => relay[Symbol.asyncDispose]())

/** What the relay says to a hello, and how it closes. */
const refused = async (agent: TestAgent) => {
  const message = await agent.messages.next()
  const { code } = await agent.closed
  return { message, code }
}
const attempt = async (material: ClusterMaterial, changes: object = {}, instance = "agent-1") => {
  const agent = await TestAgent.connect(relay.ws)
  agent.send(agent.hello(await agent.challenge(), material, instance, changes))
  return agent
}
const newer = (material: ClusterMaterial, changes: Partial<ClusterMaterial["document"]>) =>
  signDocument({ ...material.document, serial: material.document.serial + 1, ...changes }, material.identityKey)

describe("a control session", () => {
  test("begins with a challenge of 256 bits that names the relay, and a welcome with a secret", async () => {
    const agent = await TestAgent.connect(relay.ws)
    const challenge = await agent.challenge()
    expect(challenge.relayUrl).toBe(publicUrl)
    expect(Buffer.from(challenge.nonce, "base64url").length).toBe(32)
    agent.send(agent.hello(challenge, await relay.cluster("edge-1"), "agent-1"))
    expect(await agent.messages.next()).toMatchObject({ type: "welcome", replica: "relay-0" })
    expect(relay.relay.directory.of("edge-1")).toHaveLength(1)
  })

  test("is refused when the answer is to another challenge (S16: replay)", async () => {
    const material = await relay.cluster("edge-1")
    const first = await TestAgent.connect(relay.ws)
    const answer = first.hello(await first.challenge(), material, "agent-1")
    first.send(answer)
    expect((await first.messages.next()).type).toBe("welcome")
    const second = await TestAgent.connect(relay.ws)
    await second.challenge()
    second.send(answer)
    expect(await refused(second)).toMatchObject({ message: { type: "refused", cause: "ChallengeAnswerWrong" } })
  })

  test("of cluster A's agent is refused for B, whatever document it shows (S16)", async () => {
    const a = await relay.cluster("edge-a")
    const b = await relay.cluster("edge-b")
    const withOwn = await attempt(a, { cluster: "edge-b" })
    expect(await refused(withOwn)).toMatchObject({ message: { cause: "DocumentRefused" } })
    const withTheirs = await attempt(a, { cluster: "edge-b", document: b.signedDocument })
    expect(await refused(withTheirs)).toMatchObject({ message: { cause: "SessionKeyNotListed" } })
    const forged = await relay.cluster("edge-c", false)
    const mine = signDocument(
      { ...forged.document, clusterName: "edge-b", serial: b.document.serial + 9 },
      forged.identityKey,
    )
    const claiming = await attempt(forged, { cluster: "edge-b", document: mine })
    expect(await refused(claiming)).toMatchObject({ message: { cause: "IdentityNotRegistered" } })
  })

  test("is refused for an unregistered identity, a document for another relay, and one whose signature is wrong", async () => {
    const unknown = await relay.cluster("edge-1", false)
    expect(await refused(await attempt(unknown))).toMatchObject({ message: { cause: "IdentityNotRegistered" } })
    const material = await relay.cluster("edge-2")
    const elsewhere = newer(material, { relayUrl: "https://elsewhere.example.com" })
    expect(await refused(await attempt(material, { document: elsewhere }))).toMatchObject({
      message: { cause: "DocumentRefused" },
    })
    const [payload] = material.signedDocument.split(".")
    const unsigned = `${payload}.${Buffer.alloc(64).toString("base64url")}`
    expect(await refused(await attempt(material, { document: unsigned }))).toMatchObject({
      message: { cause: "DocumentRefused" },
    })
  })

  test("of a listed key needs no token, and registers it", async () => {
    const material = await relay.cluster("edge-1", false)
    relay.configure({ clusters: [{ name: "edge-1", identityKey: material.document.identityKey }] })
    await TestAgent.open(relay.ws, material)
    expect(relay.store.clusters.find("edge-1")?.identityKey).toBe(material.document.identityKey)
  })

  test("that says nothing is closed after 10 s", async () => {
    const agent = await TestAgent.connect(relay.ws)
    await agent.challenge()
    relay.time.advance(9_999)
    expect(relay.time.pending).toBeGreaterThan(0)
    relay.time.advance(1)
    expect(await refused(agent)).toMatchObject({ message: { type: "refused", cause: "ChallengeExpired" } })
  })

  test("is closed for a message that is no control message, or comes out of turn", async () => {
    const agent = await TestAgent.connect(relay.ws)
    await agent.challenge()
    agent.send({ type: "draining" })
    expect((await agent.closed).code).toBe(closeCode.protocolError)
    const garbled = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    garbled.socket.send("{")
    expect((await garbled.closed).code).toBe(closeCode.protocolError)
  })

  test("of the same agent process takes the place of the old one", async () => {
    const material = await relay.cluster("edge-1")
    const old = await TestAgent.open(relay.ws, material)
    await TestAgent.open(relay.ws, material)
    expect(await old.closed).toEqual({ code: closeCode.superseded, reason: "superseded" })
    expect(relay.relay.directory.of("edge-1")).toHaveLength(1)
  })

  test("is refused beyond the cluster's limit, and its own successor is not", async () => {
    const material = await relay.cluster("edge-1")
    await TestAgent.open(relay.ws, material, "one")
    await TestAgent.open(relay.ws, material, "two")
    expect(await refused(await attempt(material, {}, "three"))).toMatchObject({ message: { cause: "TooManySessions" } })
    await TestAgent.open(relay.ws, material, "two")
  })

  test("that is silent for a minute is ended, and one that pings is not", async () => {
    const material = await relay.cluster("edge-1")
    const silent = await TestAgent.open(relay.ws, material, "silent")
    const alive = await TestAgent.open(relay.ws, material, "alive")
    relay.time.advance(40_000)
    alive.send({ type: "ping", id: 1 })
    expect(await alive.messages.next()).toEqual({ type: "pong", id: 1 })
    relay.time.advance(20_001)
    relay.relay.poll()
    expect((await silent.closed).reason).toBe("silent")
    expect(relay.relay.directory.of("edge-1")).toHaveLength(1)
  })
})

describe("rotation", () => {
  test("a newer document that drops a session key moves the sessions and carriers of that key, and only these", async () => {
    const material = await relay.cluster("edge-1")
    const next = newKey()
    const both = newer(material, { sessionKeys: [spkiOf(material.sessionKey), spkiOf(next)] })
    const old = await TestAgent.open(relay.ws, material, "old", { document: both })
    const young: ClusterMaterial = { ...material, sessionKey: next, signedDocument: both }
    const kept = await TestAgent.open(relay.ws, young, "young")
    kept.send({ type: "draining" })
    kept.send({ type: "ping", id: 1 })
    await kept.messages.next()
    const { user, agentHalf } = await openCarrier(relay, old)
    agentHalf.resume()
    const only = newer(material, { serial: material.document.serial + 2, sessionKeys: [spkiOf(next)] })
    const userEnd = closeOf(user)
    await TestAgent.open(relay.ws, { ...young, signedDocument: only }, "third")
    expect(await old.closed).toEqual({ code: closeCode.moved, reason: "session-key-replaced" })
    expect(await userEnd).toEqual({ code: closeCode.moved, reason: "session-key-replaced" })
    expect(relay.relay.directory.of("edge-1").map(({ agent }) => agent.instance)).toEqual(["young", "third"])
  })

  test("an agent with an older document is admitted by the newest one's keys, and no older document is kept", async () => {
    const material = await relay.cluster("edge-1")
    const next = newKey()
    const both = newer(material, { sessionKeys: [spkiOf(material.sessionKey), spkiOf(next)] })
    await TestAgent.open(relay.ws, { ...material, signedDocument: both }, "one")
    await TestAgent.open(relay.ws, material, "two")
    expect(relay.store.clusters.find("edge-1")?.document).toBe(both)
    const only = newer(material, { serial: material.document.serial + 2, sessionKeys: [spkiOf(next)] })
    await TestAgent.open(relay.ws, { ...material, sessionKey: next, signedDocument: only }, "three")
    expect(await refused(await attempt(material, {}, "late"))).toMatchObject({
      message: { cause: "SessionKeyNotListed" },
    })
  })

  test("a new identity that the old one signed takes its place, and the old one does not come back, even if it is still listed", async () => {
    const material = await relay.cluster("edge-1")
    relay.configure({ clusters: [{ name: "edge-1", identityKey: material.document.identityKey }] })
    const successor = newKey()
    const document = {
      ...material.document,
      identityKey: spkiOf(successor),
      previousIdentity: {
        key: material.document.identityKey,
        signature: successionSignature(material.identityKey, spkiOf(successor)),
      },
      serial: material.document.serial + 1,
    }
    await TestAgent.open(relay.ws, { ...material, signedDocument: signDocument(document, successor) }, "one")
    expect(relay.store.clusters.find("edge-1")?.identityKey).toBe(spkiOf(successor))
    // Its files are late, but its session key is in the newest document.
    await TestAgent.open(relay.ws, material, "two")
    expect(relay.store.clusters.find("edge-1")?.identityKey).toBe(spkiOf(successor))
    const back = newer(material, { serial: material.document.serial + 5 })
    expect(await refused(await attempt(material, { document: back }))).toMatchObject({
      message: { cause: "IdentityNotRegistered" },
    })
  })

  test("a succession that somebody else signed is refused", async () => {
    const material = await relay.cluster("edge-1")
    const thief = newKey()
    const document = {
      ...material.document,
      identityKey: spkiOf(thief),
      previousIdentity: { key: material.document.identityKey, signature: successionSignature(thief, spkiOf(thief)) },
      serial: material.document.serial + 1,
    }
    const agent = await attempt(material, { document: signDocument(document, thief) })
    expect(await refused(agent)).toMatchObject({ message: { cause: "IdentityNotRegistered" } })
  })

  test("an answer that names another relay is refused", async () => {
    const material = await relay.cluster("edge-1")
    const agent = await TestAgent.connect(relay.ws)
    const { nonce } = await agent.challenge()
    const fields = { nonce, relayUrl: "https://elsewhere.example.com", cluster: "edge-1", instance: "agent-1" }
    agent.send({
      ...agent.hello({ nonce }, material, "agent-1"),
      signature: challengeAnswer(material.sessionKey, fields),
    })
    expect(await refused(agent)).toMatchObject({ message: { cause: "ChallengeAnswerWrong" } })
  })
})
