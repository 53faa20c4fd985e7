/** Limits of the relay, each at its bound: what the peer gets, and where the operator sees it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import type { RawData } from "ws"
import { signDocument } from "../../protocol/document.ts"
import { newKey, spkiOf } from "../../protocol/keys.ts"
import { Administration } from "../../relay/admin/Administration.ts"
import {
  documentsAtOnce,
  maxAdminBodyBytes,
  maxImportBytes,
  maxJoinTokens,
  maxListedKeys,
  maxSessionBacklogBytes,
} from "../../relay/configuration/limits.ts"
import { OperatorNonces } from "../../relay/enrolment/OperatorNonces.ts"
import { TestAgent } from "../../relay/testing/TestAgent.ts"
import { everybody, startTestRelay, type TestRelay } from "../../relay/testing/TestRelay.ts"
import { closeOf, openCarrier, openUserHalf, refusalOf } from "../../relay/testing/TestUser.ts"
import { metricValue } from "./metricValue.ts"

const limits = { streamsPerCaller: 3, streamsPerCluster: 4, controlSessionsPerCluster: 2, unauthenticatedSockets: 6 }
let relay: TestRelay
const sockets: Socket[] = []
beforeEach(async () => {
  relay = await startTestRelay({ limits, policy: [everybody, { ...everybody, role: "admin" }] })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await relay[Symbol.asyncDispose]()
})

const refusals = (cause: string) => metricValue("clusterconnect_relay_refusals_total", `cause="${cause}"`)
const silent = async (): Promise<Socket> => {
  const socket = connect(relay.port, "127.0.0.1")
  sockets.push(socket)
  socket.on("error", () => {})
  await once(socket, "connect")
  return socket
}
const admin = () => new Administration(relay.store, () => new Date(), { by: "command", user: "test" })

describe("streams", () => {
  test("of one caller beyond streamsPerCaller are 429, and other callers are served", async () => {
    const before = refusals("TooManyStreamsOfCaller")
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    for (let open = 0; open < limits.streamsPerCaller; open += 1) await openCarrier(relay, agent)
    const refused = await refusalOf(openUserHalf(relay))
    expect(refused).toMatchObject({ code: 429, hop: "relay", cause: "TooManyStreamsOfCaller" })
    expect(refused.message).toContain("streamsPerCaller")
    expect(refusals("TooManyStreamsOfCaller")).toBe(before + 1)
    await openCarrier(relay, agent, { token: relay.token({ sub: "somebody else" }) })
  })

  test("to one cluster beyond streamsPerCluster are 503, and another cluster is served", async () => {
    const before = refusals("TooManyStreamsOfCluster")
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const other = await TestAgent.open(relay.ws, await relay.cluster("edge-2"))
    for (let open = 0; open < limits.streamsPerCluster; open += 1)
      await openCarrier(relay, agent, { token: relay.token({ sub: `user-${open}` }) })
    const token = relay.token({ sub: "one more" })
    const refused = await refusalOf(openUserHalf(relay, { token }))
    expect(refused).toMatchObject({ code: 503, hop: "relay", cause: "TooManyStreamsOfCluster" })
    expect(refused.message).toContain("streamsPerCluster")
    expect(refusals("TooManyStreamsOfCluster")).toBe(before + 1)
    await openCarrier(relay, other, { token, cluster: "edge-2" })
  })
})

test("a dial that the agent refuses because it has too many is a 503 that names the agent", async () => {
  const before = refusals("overloaded")
  const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
  const opening = refusalOf(openUserHalf(relay))
  const { ticket } = await agent.dial()
  agent.send({ type: "dialFailed", ticket, reason: "overloaded" })
  expect(await opening).toMatchObject({ code: 503, hop: "agent" })
  expect(refusals("overloaded")).toBe(before + 1)
})

describe("sockets", () => {
  test("that say nothing are closed beyond unauthenticatedSockets, and one that ends makes room", async () => {
    const series = ["clusterconnect_relay_connections_refused_total", 'limit="unauthenticated"'] as const
    const before = metricValue(...series)
    const held: Socket[] = []
    for (let open = 0; open < limits.unauthenticatedSockets; open += 1) held.push(await silent())
    await once((await silent()).resume(), "close")
    expect(metricValue(...series)).toBe(before + 1)
    const gone = once(held[0]!, "close")
    held[0]!.destroy()
    await gone
    expect((await relay.call("GET", "/livez")).status).toBe(200)
  })

  test("beyond connections are closed whoever they are", async () => {
    const series = ["clusterconnect_relay_connections_refused_total", 'limit="connections"'] as const
    const before = metricValue(...series)
    await relay[Symbol.asyncDispose]()
    relay = await startTestRelay({ limits: { connections: 3 } })
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    await openCarrier(relay, agent)
    await once((await silent()).resume(), "close")
    expect(metricValue(...series)).toBe(before + 1)
  })

  test("whose request does not end, or whose body does not come, are answered or closed after 10 s", async () => {
    const [late, slow] = [refusals("BodyTooSlow"), await silent()]
    const series = ["clusterconnect_relay_connections_ended_total", 'end="headTimeout"'] as const
    const before = metricValue(...series)
    const head = await silent()
    head.resume().write("GET /livez HTTP/1.1\r\nHost:")
    slow.write("POST /v1/join HTTP/1.1\r\nHost: relay.example.com\r\nContent-Length: 10\r\n\r\n{")
    const [[answer]] = await Promise.all([once(slow, "data"), once(head, "close")])
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /)
    expect(refusals("BodyTooSlow")).toBe(late + 1)
    expect(metricValue(...series)).toBe(before + 1)
  }, 20_000)
})

describe("control sessions", () => {
  test("beyond controlSessionsPerCluster are refused by name", async () => {
    const before = refusals("TooManySessions")
    const material = await relay.cluster("edge-1")
    for (const instance of ["a", "b"]) await TestAgent.open(relay.ws, material, instance)
    const third = await TestAgent.connect(relay.ws)
    third.send(third.hello(await third.challenge(), material, "c"))
    expect(await third.messages.next()).toMatchObject({ type: "refused", cause: "TooManySessions" })
    await third.closed
    expect(refusals("TooManySessions")).toBe(before + 1)
  })

  test("that take longer than 10 s to prove themselves are refused by name", async () => {
    const before = refusals("ChallengeExpired")
    const agent = await TestAgent.connect(relay.ws)
    await agent.challenge()
    relay.time.advance(10_000)
    expect(await agent.messages.next()).toMatchObject({ type: "refused", cause: "ChallengeExpired" })
    await agent.closed
    expect(refusals("ChallengeExpired")).toBe(before + 1)
  })

  test("with a message beyond its bound are closed before it is read", async () => {
    const agent = await TestAgent.connect(relay.ws)
    await agent.challenge()
    agent.socket.send("x".repeat(128 * 1024))
    expect((await agent.closed).code).toBe(1009)
  })
})

test("a carrier's message beyond one frame ends the carrier and nothing of it arrives", async () => {
  const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
  const { user, agentHalf } = await openCarrier(relay, agent)
  const arrived: RawData[] = []
  agentHalf.on("message", (data) => arrived.push(data))
  const ended = [closeOf(user), closeOf(agentHalf)]
  user.send(Buffer.alloc(128 * 1024))
  await Promise.all(ended)
  expect(arrived).toEqual([])
})

describe("enrolment", () => {
  test("no more than 8 keys wait for a cluster", () => {
    for (let listed = 0; listed < maxListedKeys; listed += 1) admin().listKey("edge-9", spkiOf(newKey()))
    expect(() => admin().listKey("edge-9", spkiOf(newKey()))).toThrow(
      expect.objectContaining({ _tag: "TooManyListedKeys", code: 409 }),
    )
    expect(relay.store.clusters.listedKeys("edge-9")).toHaveLength(maxListedKeys)
  })

  test("no more than 10,000 join tokens exist at a time, and expired ones make room", () => {
    let now = new Date()
    const administration = new Administration(relay.store, () => now, { by: "command", user: "test" })
    for (let made = 0; made < maxJoinTokens; made += 1) administration.createToken("edge-9", { seconds: 60 })
    expect(() => administration.createToken("edge-9", {})).toThrow(
      expect.objectContaining({ _tag: "TooManyJoinTokens" }),
    )
    now = new Date(now.getTime() + 61_000)
    administration.createToken("edge-9", {})
  }, 120_000)

  test("genuine operator calls beyond 100,000 within one nonce's life are refused until the first ones expire", () => {
    let now = 0
    const nonces = new OperatorNonces(() => now)
    for (let used = 0; used < 100_000; used += 1) nonces.use(nonces.issue())
    expect(nonces.use(nonces.issue())).toBe(false)
    now = 60_001
    expect(nonces.use(nonces.issue())).toBe(true)
  }, 120_000)
})

test("a body beyond its bound is 413 and names the bound", async () => {
  const before = refusals("BodyTooLarge")
  const answer = await relay.call("POST", "/v1/admin/callers/revoke", {
    token: relay.token(),
    body: "x".repeat(maxAdminBodyBytes + 1),
  })
  expect([answer.status, answer.cause]).toEqual([413, "BodyTooLarge"])
  expect(answer.text).toContain(String(maxAdminBodyBytes))
  expect(refusals("BodyTooLarge")).toBe(before + 1)
})

test("an import beyond 64 MiB is 413 before any of it is read as registrations, and one at the bound is read", async () => {
  await relay[Symbol.asyncDispose]()
  relay = await startTestRelay({ policy: [{ ...everybody, role: "admin" }] })
  const before = refusals("BodyTooLarge")
  // Blanks before the JSON: as many bytes as it takes, and nothing to store.
  const body = (bytes: number) => '{"clusters":[]}'.padStart(bytes, " ")
  const send = (bytes: number) =>
    relay.call("POST", "/v1/admin/registrations", { token: relay.token(), body: body(bytes) })
  expect((await send(maxImportBytes)).status).toBe(200)
  const refused = await send(maxImportBytes + 1)
  expect([refused.status, refused.cause]).toEqual([413, "BodyTooLarge"])
  expect(refused.text).toContain(String(maxImportBytes))
  expect(refusals("BodyTooLarge")).toBe(before + 1)
}, 30_000)

test("an agent that asks and does not read is cut when 1 MiB waits for it, and the others stay", async () => {
  const material = await relay.cluster("edge-1")
  const other = await TestAgent.open(relay.ws, material, "b")
  const deaf = await TestAgent.open(relay.ws, material, "a")
  const sessions = () => relay.relay.directory.of("edge-1").length
  expect(sessions()).toBe(2)
  deaf.socket.pause()
  // What the kernel takes for a peer that does not read comes first, and is not ours to count.
  const atMost = (64 * 1024 * 1024) / maxSessionBacklogBytes
  for (let mebibyte = 0; sessions() > 1 && mebibyte < atMost; mebibyte += 1)
    for (let batch = 0; batch < 40 && sessions() > 1; batch += 1) {
      for (let sent = 0; sent < 1_000; sent += 1) deaf.send({ type: "ping", id: sent })
      await new Promise((resolve) => setImmediate(resolve))
    }
  expect(relay.relay.directory.of("edge-1").map(({ agent }) => agent.instance)).toEqual(["b"])
  other.socket.close()
}, 60_000)

test("new documents of one cluster beyond 16 at once are 429, and the one in force stays", async () => {
  const material = await relay.cluster("edge-1")
  const kept = await TestAgent.open(relay.ws, material, "kept")
  const documentOf = (ahead: number) => {
    const document = { ...material.document, serial: material.document.serial + ahead }
    return signDocument(document, material.identityKey)
  }
  const before = refusals("TooManyDocuments")
  for (let ahead = 1; ahead <= documentsAtOnce; ahead += 1) {
    const agent = await TestAgent.open(relay.ws, material, `agent-${ahead}`, { document: documentOf(ahead) })
    agent.socket.close()
    await agent.closed
  }
  const late = await TestAgent.connect(relay.ws)
  late.send(late.hello(await late.challenge(), material, "late", { document: documentOf(documentsAtOnce + 1) }))
  expect(await late.messages.next()).toMatchObject({ type: "refused", cause: "TooManyDocuments" })
  await late.closed
  expect(refusals("TooManyDocuments")).toBe(before + 1)
  expect(relay.store.clusters.find("edge-1")?.serial).toBe(material.document.serial + documentsAtOnce)
  expect(relay.relay.directory.of("edge-1").map(({ agent }) => agent.instance)).toEqual(["kept"])
  kept.socket.close()
})
