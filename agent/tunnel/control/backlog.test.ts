import { expect, test } from "bun:test"
import { EventEmitter } from "node:events"
import type { WebSocket } from "ws"
import { encodeMessage, type FromRelay } from "../../../protocol/control.ts"
import { newSecret } from "../../../protocol/ticket.ts"
import { ControlSessions, maxBacklogBytes } from "./ControlSessions.ts"

const relayUrl = "https://relay.example.com"

/** A relay's socket that takes everything and whose peer reads nothing. */
class DeafSocket extends EventEmitter {
  readonly OPEN = 1
  readonly CLOSED = 3
  readyState = 1
  bufferedAmount = 0
  send(text: string) {
    this.bufferedAmount += text.length
  }
  close() {
    this.terminate()
  }
  terminate() {
    if (this.readyState === this.CLOSED) return
    this.readyState = this.CLOSED
    this.emit("close", 1006, Buffer.alloc(0))
  }
}

test("a relay that asks without end and reads no answer is cut off, not stored", async () => {
  const socket = new DeafSocket()
  const connected = Promise.withResolvers<void>()
  let dials = 0
  const sessions = new ControlSessions({
    identity: { relayUrl },
    connect: (signal) => {
      dials += 1
      if (dials === 1) return Promise.resolve(socket as unknown as WebSocket)
      connected.resolve()
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
    },
    judge: () => ({ setback: "lost", detail: "" }),
    hello: () => ({ type: "pong", id: 0 }),
    streamsLive: () => true,
    serve: (_dial, _secret, fail) => fail("overloaded"),
    onReport: () => {},
  })
  const say = (message: FromRelay) => socket.emit("message", Buffer.from(encodeMessage(message)), false)
  sessions.start()
  while (socket.listenerCount("message") === 0) await Promise.resolve()
  say({ type: "challenge", nonce: newSecret(), relayUrl, version: "test" })
  say({ type: "welcome", sessionSecret: newSecret(), replica: "relay-0" })
  const dial: FromRelay = {
    type: "dial",
    ticket: newSecret(),
    replica: "relay-0",
    protocols: ["v1.stream.clusterconnect.dev"],
    callerHash: newSecret(),
    clientAddress: "192.0.2.1",
  }
  for (let index = 0; index < 20_000; index++) say(dial)
  expect(socket.readyState).toBe(socket.CLOSED)
  expect(socket.bufferedAmount).toBeLessThan(maxBacklogBytes + 1024)
  await connected.promise
  await sessions.close()
})
