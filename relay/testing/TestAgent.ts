import type { KeyObject } from "node:crypto"
import { Either } from "effect"
import type { WebSocket } from "ws"
import { connectWebSocket } from "../../platform/outbound.ts"
import {
  type Challenge,
  type Dial,
  decodeFromRelay,
  encodeMessage,
  type FromAgent,
  type FromRelay,
  type Hello,
} from "../../protocol/control.ts"
import { challengeAnswer } from "../../protocol/enrolment.ts"
import { spkiOf } from "../../protocol/keys.ts"
import type { ClusterMaterial } from "../../protocol/material.ts"
import { controlProtocol, path, sessionHeader, streamProtocol, ticketHeader } from "../../protocol/names.ts"
import { carrierMaxPayload } from "../../protocol/splice.ts"
import { Inbox } from "./Inbox.ts"
import { publicUrl } from "./TestRelay.ts"

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** The far end of a control session, played by the test. */
export class TestAgent {
  readonly socket: WebSocket
  readonly messages = new Inbox<FromRelay>()
  readonly closed: Promise<Closed>
  readonly #ws: string
  secret = ""

  constructor(ws: string, socket: WebSocket) {
    this.#ws = ws
    this.socket = socket
    socket.on("message", (data) => this.messages.put(Either.getOrThrow(decodeFromRelay(data.toString()))))
    this.closed = new Promise((resolve) =>
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
    )
  }

  static async connect(ws: string): Promise<TestAgent> {
    return new TestAgent(ws, await connectWebSocket(ws + path.control, { protocols: [controlProtocol] }))
  }

  /** Connected, proven and welcomed. */
  static async open(
    ws: string,
    material: ClusterMaterial,
    instance = "agent-1",
    changes: Partial<Hello> = {},
  ): Promise<TestAgent> {
    const agent = await TestAgent.connect(ws)
    agent.send(agent.hello(await agent.challenge(), material, instance, changes))
    const answer = await agent.messages.next()
    if (answer.type !== "welcome") throw new Error(`expected welcome, found ${JSON.stringify(answer)}`)
    agent.secret = answer.sessionSecret
    return agent
  }

  async challenge(): Promise<Challenge> {
    const first = await this.messages.next()
    if (first.type !== "challenge") throw new Error(`expected challenge, found ${first.type}`)
    return first
  }

  hello(
    challenge: Pick<Challenge, "nonce">,
    material: ClusterMaterial,
    instance: string,
    changes: Partial<Hello> = {},
    key: KeyObject = material.sessionKey,
  ): Hello {
    const cluster = changes.cluster ?? material.document.clusterName
    return {
      type: "hello",
      version: "test",
      cluster,
      instance,
      document: material.signedDocument,
      sessionKey: spkiOf(key),
      signature: challengeAnswer(key, { nonce: challenge.nonce, relayUrl: publicUrl, cluster, instance }),
      ...changes,
    }
  }

  send(message: FromAgent): void {
    this.socket.send(encodeMessage(message))
  }

  /** The next dial. A ping before it is answered: the relay asks an agent that it has not heard for 5 s, as on a busy machine. */
  async dial(): Promise<Dial> {
    const message = await this.messages.next()
    if (message.type === "ping") {
      this.send({ type: "pong", id: message.id })
      return await this.dial()
    }
    if (message.type !== "dial") throw new Error(`expected dial, found ${JSON.stringify(message)}`)
    return message
  }

  /** This agent's half for a dial. */
  pickUp(dial: Pick<Dial, "ticket">, secret = this.secret, protocol = streamProtocol): Promise<WebSocket> {
    return connectWebSocket(this.#ws + path.agentCarrier, {
      protocols: [protocol],
      headers: { [ticketHeader]: dial.ticket, [sessionHeader]: secret },
      maxPayloadBytes: carrierMaxPayload,
      startPaused: true,
    })
  }
}
