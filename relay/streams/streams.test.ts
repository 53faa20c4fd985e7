import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { createHash, randomBytes } from "node:crypto"
import type { WebSocket } from "ws"
import { streamProtocol } from "../../protocol/names.ts"
import { spliceHoldBytes } from "../../protocol/splice.ts"
import { TestAgent } from "../testing/TestAgent.ts"
import { startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { closeOf, openCarrier, openUserHalf, refusalOf } from "../testing/TestUser.ts"
import { Tickets } from "./Tickets.ts"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay({ limits: { streamsPerCaller: 3 } })
})
afterEach(() => relay[Symbol.asyncDispose]())

const nextMessage = (socket: WebSocket) => {
  const message = new Promise<Buffer>((resolve) => socket.once("message", (data) => resolve(data as Buffer)))
  socket.resume()
  return message
}

/** A ping and its pong: whatever the relay sent to this agent before would come first. */
const says = async (agent: TestAgent, id: number) => {
  agent.send({ type: "ping", id })
  expect(await agent.messages.next()).toEqual({ type: "pong", id })
}

describe("opening a stream", () => {
  test("joins a user's half to the agent's, both ways", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const { user, agentHalf } = await openCarrier(relay, agent)
    expect([user.protocol, agentHalf.protocol]).toEqual([streamProtocol, streamProtocol])
    const toAgent = nextMessage(agentHalf)
    user.send(Buffer.from("to the cluster"))
    expect((await toAgent).toString()).toBe("to the cluster")
    const toUser = nextMessage(user)
    agentHalf.send(Buffer.from("from the cluster"))
    expect((await toUser).toString()).toBe("from the cluster")
  })

  test("tells the agent the caller's hash, the client's address and the instance, and never the token", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const token = relay.token()
    const user = openUserHalf(relay, { token, instance: "10.0.0.1:8443#boot-1" })
    const dial = await agent.dial()
    expect(dial).toMatchObject({
      instance: "10.0.0.1:8443#boot-1",
      clientAddress: "127.0.0.1",
      protocols: [streamProtocol],
    })
    expect(dial.callerHash).toMatch(/^[\w-]{43}$/)
    expect(JSON.stringify(dial)).not.toContain(token)
    agent.send({ type: "dialFailed", ticket: dial.ticket, reason: "instance" })
    expect(await refusalOf(user)).toMatchObject({ code: 409, hop: "auth-proxy", cause: "instance" })
  })

  test("carries 64 MiB exactly, into a reader that pauses", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const { user, agentHalf } = await openCarrier(relay, agent)
    const block = randomBytes(64 * 1024)
    const blocks = 1024
    const sent = createHash("sha256")
    const received = createHash("sha256")
    let bytes = 0
    let mostHeld = 0
    const all = new Promise<void>((resolve) =>
      agentHalf.on("message", (data) => {
        received.update(data as Buffer)
        bytes += (data as Buffer).length
        mostHeld = Math.max(mostHeld, relay.relay.streams.statistics().heldBytes)
        if (bytes === blocks * block.length) resolve()
        agentHalf.pause()
        setImmediate(() => agentHalf.resume())
      }),
    )
    agentHalf.resume()
    for (let index = 0; index < blocks; index++) {
      block.writeUInt32BE(index, 0)
      sent.update(block)
      await new Promise<void>((resolve) => user.send(Buffer.from(block), () => resolve()))
    }
    await all
    expect(received.digest("hex")).toBe(sent.digest("hex"))
    expect(mostHeld).toBeLessThanOrEqual(2 * spliceHoldBytes)
  })

  test("without a control session is 503 NoAgent at the hop agent", async () => {
    await relay.cluster("edge-1")
    expect(await refusalOf(openUserHalf(relay))).toMatchObject({ code: 503, hop: "agent", cause: "NoAgent" })
  })

  test("an unknown cluster, a forbidden one and a revoked one get the same answer", async () => {
    await relay.cluster("edge-1")
    await relay.cluster("gone")
    relay.store.clusters.revoke("gone", relay.time.wall())
    relay.configure({ policy: [{ issuer: "main", clusters: ["edge-*", "gone", "missing"], role: "connect" }] })
    await relay.cluster("other")
    const answers = await Promise.all(
      ["other", "missing", "gone", "no%2Fname"].map((cluster) => refusalOf(openUserHalf(relay, { cluster }))),
    )
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]).toMatchObject({ code: 403, cause: "ClusterRefused" })
  })

  test("an agent's failure becomes a Status that names the hop, after the other agents were asked", async () => {
    const material = await relay.cluster("edge-1")
    const agents = [await TestAgent.open(relay.ws, material, "one"), await TestAgent.open(relay.ws, material, "two")]
    const user = openUserHalf(relay)
    for (const agent of agents)
      agent.send({ type: "dialFailed", ticket: (await agent.dial()).ticket, reason: "auth-proxy-unreachable" })
    expect(await refusalOf(user)).toMatchObject({ code: 503, hop: "auth-proxy", cause: "auth-proxy-unreachable" })
  })

  test("a dial that is unanswered for 3 s goes to another session, and whoever comes first carries it", async () => {
    const material = await relay.cluster("edge-1")
    const first = await TestAgent.open(relay.ws, material, "one")
    const second = await TestAgent.open(relay.ws, material, "two")
    const user = openUserHalf(relay)
    const slow = await first.dial()
    relay.time.advance(2_999)
    await says(second, 1)
    relay.time.advance(1)
    const half = await second.pickUp(await second.dial())
    expect((await user).protocol).toBe(streamProtocol)
    expect(await refusalOf(first.pickUp(slow))).toMatchObject({ code: 403, cause: "TicketRefused" })
    half.terminate()
  })

  test("a dial that is unanswered for 3 s, with nobody else to ask, goes to the next agent that comes", async () => {
    const material = await relay.cluster("edge-1")
    const silent = await TestAgent.open(relay.ws, material, "one")
    const user = openUserHalf(relay)
    await silent.dial()
    relay.time.advance(3_000)
    const next = await TestAgent.open(relay.ws, material, "two")
    const half = await next.pickUp(await next.dial())
    expect((await user).protocol).toBe(streamProtocol)
    half.terminate()
  })

  test("a dial into a session whose agent comes back with a new one goes there at once", async () => {
    const material = await relay.cluster("edge-1")
    const silent = await TestAgent.open(relay.ws, material, "one")
    const user = openUserHalf(relay)
    await silent.dial()
    const again = await TestAgent.open(relay.ws, material, "one")
    const half = await again.pickUp(await again.dial())
    expect((await user).protocol).toBe(streamProtocol)
    half.terminate()
  })

  test("a dial into a session that is lost goes to the other agent at once", async () => {
    const material = await relay.cluster("edge-1")
    const lost = await TestAgent.open(relay.ws, material, "one")
    const other = await TestAgent.open(relay.ws, material, "two")
    const user = openUserHalf(relay)
    await lost.dial()
    lost.socket.terminate()
    const half = await other.pickUp(await other.dial())
    expect((await user).protocol).toBe(streamProtocol)
    half.terminate()
  })

  describe("with a session that has been quiet for longer than an agent with streams is", () => {
    const quietAndAlive = async () => {
      const material = await relay.cluster("edge-1")
      const quiet = await TestAgent.open(relay.ws, material, "quiet")
      const alive = await TestAgent.open(relay.ws, material, "alive")
      relay.time.advance(5_001)
      return { quiet, alive }
    }
    const probeOf = async (agent: TestAgent) => {
      const probe = await agent.messages.next()
      if (probe.type !== "ping") throw new Error(`expected ping, found ${JSON.stringify(probe)}`)
      return probe
    }

    test("the one that gave a sign of life is asked, whatever the streams on it", async () => {
      const { quiet, alive } = await quietAndAlive()
      await says(alive, 1)
      await openCarrier(relay, alive)
      await openCarrier(relay, alive)
      await probeOf(quiet)
      expect(quiet.messages.size).toBe(0)
    })

    test("the answer to one probe makes the quiet one the next choice", async () => {
      const { quiet, alive } = await quietAndAlive()
      await says(alive, 1)
      await openCarrier(relay, alive)
      const { id } = await probeOf(quiet)
      quiet.send({ type: "pong", id })
      await says(quiet, 2)
      await openCarrier(relay, quiet)
    })

    test("and none that was heard, a dial without a sign of life for 1.5 s goes to the next one too", async () => {
      const { quiet, alive } = await quietAndAlive()
      const user = openUserHalf(relay)
      await probeOf(quiet)
      await quiet.dial()
      relay.time.advance(1_499)
      const { id } = await probeOf(alive)
      alive.send({ type: "pong", id })
      await says(alive, 1)
      relay.time.advance(1)
      const half = await alive.pickUp(await alive.dial())
      expect((await user).protocol).toBe(streamProtocol)
      half.terminate()
    })

    test("that answers, its dial has all of the 3 s", async () => {
      const { quiet, alive } = await quietAndAlive()
      const user = openUserHalf(relay)
      const { id } = await probeOf(quiet)
      const dial = await quiet.dial()
      await probeOf(alive)
      quiet.send({ type: "pong", id })
      await says(quiet, 1)
      relay.time.advance(2_999)
      await says(alive, 2)
      const half = await quiet.pickUp(dial)
      expect((await user).protocol).toBe(streamProtocol)
      half.terminate()
    })
  })

  test("nobody answering is 503 DialUnanswered before the client's own limit of 7 s", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const user = refusalOf(openUserHalf(relay))
    await agent.dial()
    relay.time.advance(6_999)
    expect(await user).toMatchObject({ code: 503, hop: "agent", cause: "DialUnanswered" })
  })

  test("a draining session takes no new stream", async () => {
    const material = await relay.cluster("edge-1")
    const leaving = await TestAgent.open(relay.ws, material, "one")
    leaving.send({ type: "draining" })
    leaving.send({ type: "ping", id: 7 })
    expect(await leaving.messages.next()).toEqual({ type: "pong", id: 7 })
    expect(await refusalOf(openUserHalf(relay))).toMatchObject({ cause: "NoAgent" })
  })

  test("the session with the fewest streams is asked", async () => {
    const material = await relay.cluster("edge-1")
    const one = await TestAgent.open(relay.ws, material, "one")
    const two = await TestAgent.open(relay.ws, material, "two")
    await openCarrier(relay, one)
    await openCarrier(relay, two)
  })

  test("a caller's streams are limited, and an ended one makes room", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const open = [await openCarrier(relay, agent), await openCarrier(relay, agent), await openCarrier(relay, agent)]
    expect(await refusalOf(openUserHalf(relay))).toMatchObject({ code: 429, cause: "TooManyStreamsOfCaller" })
    const gone = closeOf(open[0]!.agentHalf)
    open[0]!.user.resume()
    open[0]!.user.close(1000, "done")
    expect(await gone).toEqual({ code: 1000, reason: "done" })
    await openCarrier(relay, agent)
  })

  test("a subprotocol or an instance that is not ours is refused", async () => {
    await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    expect(await refusalOf(openUserHalf(relay, { protocols: ["chat"] }))).toMatchObject({
      code: 400,
      cause: "SubprotocolUnknown",
    })
    expect(await refusalOf(openUserHalf(relay, { instance: "nonsense" }))).toMatchObject({
      code: 400,
      cause: "InstanceMalformed",
    })
  })
})

describe("a ticket", () => {
  test("is worthless with another session's secret, for another subprotocol, invented, or a second time", async () => {
    const material = await relay.cluster("edge-1")
    const agent = await TestAgent.open(relay.ws, material, "one")
    const other = await TestAgent.open(relay.ws, await relay.cluster("edge-2"), "two")
    const user = openUserHalf(relay)
    const dial = await agent.dial()
    const refused = { code: 403, cause: "TicketRefused" }
    expect(await refusalOf(other.pickUp(dial))).toMatchObject(refused)
    expect(await refusalOf(agent.pickUp(dial, agent.secret, "v2.stream.clusterconnect.dev"))).toMatchObject(refused)
    expect(await refusalOf(agent.pickUp({ ticket: "x".repeat(43) }))).toMatchObject(refused)
    const half = await agent.pickUp(dial)
    await user
    expect(await refusalOf(agent.pickUp(dial))).toMatchObject(refused)
    half.terminate()
  })

  test("dies with the user who left while waiting", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const leaving = new AbortController()
    const user = openUserHalf(relay, { signal: leaving.signal })
    const dial = await agent.dial()
    leaving.abort(new Error("gone"))
    await expect(user).rejects.toThrow("gone")
    // The relay sees the end of the user's socket before a request that was begun after it, or at the latest here.
    while (relay.relay.streams.statistics().tickets > 0) await new Promise((resolve) => setImmediate(resolve))
    expect(await refusalOf(agent.pickUp(dial))).toMatchObject({ code: 403, cause: "TicketRefused" })
    expect(relay.audit.some((line) => line.outcome === "caller-left")).toBe(true)
  })

  test("expires after 10 s whatever else happens", () => {
    let now = 0
    const tickets = new Tickets(() => now)
    const ticket = tickets.issue({ sessionSecret: "s", protocols: ["p"] })
    now = 9_999
    expect(tickets.find(ticket, "s")).toBeDefined()
    now = 10_000
    expect(tickets.take(ticket, "s", "p")).toBeUndefined()
  })
})
