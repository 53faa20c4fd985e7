import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { once } from "node:events"
import { connect } from "node:net"
import { signDocument } from "../../protocol/document.ts"
import { newKey, spkiOf } from "../../protocol/keys.ts"
import type { ClusterMaterial } from "../../protocol/material.ts"
import { Administration } from "../admin/Administration.ts"
import { TestAgent } from "../testing/TestAgent.ts"
import { startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { closeOf, openCarrier, openUserHalf } from "../testing/TestUser.ts"

let relay: TestRelay
let admin: Administration
beforeEach(async () => {
  relay = await startTestRelay()
  admin = new Administration(relay.store, relay.time.wall, { by: "command", user: "test" })
})
afterEach(() => relay[Symbol.asyncDispose]())

const newer = (material: ClusterMaterial, by = 1, changes: Partial<ClusterMaterial["document"]> = {}) =>
  signDocument({ ...material.document, serial: material.document.serial + by, ...changes }, material.identityKey)

/** Until the function returned is called, the database refuses to be written. */
const breaking = (part: object, method: string) => {
  const original = Reflect.get(part, method)
  Reflect.set(part, method, () => {
    throw new Error("database or disk is full")
  })
  return () => void Reflect.set(part, method, original)
}

describe("a revocation", () => {
  test("of a session key reaches what its agent was asked for before and picks up after", async () => {
    const material = await relay.cluster("edge-1")
    const agent = await TestAgent.open(relay.ws, material)
    const opening = openUserHalf(relay)
    const dial = await agent.dial()
    const next = newKey()
    const rotated = newer(material, 1, { sessionKeys: [spkiOf(next)] })
    await TestAgent.open(relay.ws, { ...material, sessionKey: next, signedDocument: rotated }, "agent-2")
    expect((await agent.closed).reason).toBe("session-key-replaced")
    const half = await agent.pickUp(dial)
    const user = await opening
    const ends = await Promise.all([closeOf(user), closeOf(half)])
    expect(ends.map(({ reason }) => reason)).toEqual(["session-key-replaced", "session-key-replaced"])
    expect(relay.relay.streams.statistics()).toMatchObject({ carriers: 0, openings: 0, tickets: 0 })
  })

  test("cuts carriers although its line cannot be taken off the database's list", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const { user, agentHalf } = await openCarrier(relay, agent)
    agentHalf.resume()
    const ended = closeOf(user)
    const repair = breaking(relay.store.actions, "told")
    admin.revokeCaller(relay.issuer.url, "alice")
    relay.relay.settingsChanged()
    expect(await ended).toEqual({ code: 4003, reason: "caller-revoked" })
    repair()
  })

  test("that the database kept from being seen is looked for again at the next poll", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const { user, agentHalf } = await openCarrier(relay, agent)
    agentHalf.resume()
    const ended = closeOf(user)
    admin.revokeCaller(relay.issuer.url, "alice")
    const repair = breaking(relay.store.clusters, "isRevoked")
    relay.relay.settingsChanged()
    expect(user.readyState).toBe(user.OPEN)
    repair()
    relay.relay.poll()
    expect((await ended).reason).toBe("caller-revoked")
  })
})

describe("an administrator", () => {
  test("who is revoked while the body of a request is under way does nothing with it", async () => {
    relay.configure({ policy: [{ issuer: "main", clusters: ["*"], role: "admin" }] })
    const body = JSON.stringify({ issuer: relay.issuer.url, subject: "alice" })
    const socket = connect(relay.port, "127.0.0.1")
    let answer = ""
    socket.on("data", (chunk) => {
      answer += chunk
    })
    socket.write(
      `POST /v1/admin/callers/restore HTTP/1.1\r\nHost: relay\r\nConnection: close\r\nAuthorization: Bearer ${relay.token()}\r\nContent-Length: ${body.length}\r\n\r\n${body[0]}`,
    )
    const { listener } = relay
    while (listener.statistics().connections === 0 || listener.statistics().unauthenticated > 0)
      await new Promise((resolve) => setImmediate(resolve))
    admin.revokeCaller(relay.issuer.url, "alice")
    socket.write(body.slice(1))
    await once(socket, "end")
    expect(answer).toStartWith("HTTP/1.1 403")
    expect(answer).toContain("CallerRevoked")
    expect(relay.store.callers.has(relay.issuer.url, "alice")).toBe(true)
  })
})

describe("a database that cannot be written", () => {
  test("refuses an agent with a newer document and ends nothing else", async () => {
    const material = await relay.cluster("edge-1")
    const present = await TestAgent.open(relay.ws, material, "present")
    const repair = breaking(relay.store.clusters, "put")
    await expect(TestAgent.open(relay.ws, { ...material, signedDocument: newer(material) }, "newer")).rejects.toThrow(
      "StoreUnavailable",
    )
    repair()
    present.send({ type: "ping", id: 1 })
    expect(await present.messages.next()).toEqual({ type: "pong", id: 1 })
  })
})
