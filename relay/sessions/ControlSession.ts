import { Either } from "effect"
import type { RawData, WebSocket } from "ws"
import {
  challengeMillis,
  type Dial,
  type DialFailure,
  decodeFromAgent,
  encodeMessage,
  type FromRelay,
  type Hello,
} from "../../protocol/control.ts"
import type { Spki } from "../../protocol/keys.ts"
import { newSecret } from "../../protocol/ticket.ts"
import { maxSessionBacklogBytes, quietAfterMillis } from "../configuration/limits.ts"
import type { AdmittedAgent } from "../enrolment/admitAgent.ts"
import { ChallengeExpired, type RelayRefusal } from "../refusals.ts"
import type { Time } from "../time/Time.ts"
import { type SessionAction, type SessionEvent, type SessionState, step } from "./step.ts"

export interface SessionSurroundings {
  readonly time: Time
  readonly publicUrl: string
  readonly replica: string
  readonly version: string
  readonly verify: (hello: Hello, nonce: string) => Either.Either<AdmittedAgent, RelayRefusal>
  readonly onOpen: (session: ControlSession) => void
  readonly onRefused: (refusal: RelayRefusal, hello: Hello | undefined) => void
  readonly onDialFailed: (session: ControlSession, ticket: string, reason: DialFailure) => void
  readonly onEnd: (session: ControlSession) => void
}

/** A closed WebSocket whose peer does not answer is cut after this. */
const closeAnswerMillis = 5_000

/** The relay's end of one agent's control session: drives `step` with a socket and a clock. */
export class ControlSession {
  readonly secret = newSecret()
  readonly address: string
  readonly openedAt: Date
  /** Streams that this session's agent carries or was asked for. */
  streams = 0
  #agent: AdmittedAgent | undefined
  #state: SessionState = { phase: "challenged" }
  #heard: number
  /** A sign of life was asked for since the last message. */
  #probed = false
  #probes = 0
  readonly #nonce = newSecret()
  readonly #socket: WebSocket
  readonly #around: SessionSurroundings
  readonly #stopDeadline: () => void

  constructor(socket: WebSocket, address: string, around: SessionSurroundings) {
    this.#socket = socket
    this.#around = around
    this.address = address
    this.openedAt = around.time.wall()
    this.#heard = around.time.monotonic()
    socket.on("message", (data, isBinary) => this.#message(data, isBinary))
    socket.on("close", () => this.#apply({ type: "lost" }))
    socket.on("error", () => {})
    this.#stopDeadline = around.time.after(challengeMillis, () => this.#expire())
    this.#send({ type: "challenge", nonce: this.#nonce, relayUrl: around.publicUrl, version: around.version })
  }

  /** @throws {TypeError} before the session was opened */
  get agent(): AdmittedAgent {
    if (this.#agent === undefined) throw new TypeError("the control session is not open yet")
    return this.#agent
  }

  get isOpen(): boolean {
    return this.#state.phase === "open"
  }

  get draining(): boolean {
    return this.#state.phase === "open" && this.#state.draining
  }

  /** Monotonic milliseconds of the last message. */
  get heardAt(): number {
    return this.#heard
  }

  /** Whether nothing has come for longer than an agent with streams is ever silent. */
  get isQuiet(): boolean {
    return this.#around.time.monotonic() - this.#heard > quietAfterMillis
  }

  /** Asks a quiet agent for a sign of life; once per silence is enough, since nothing is lost on an open session. */
  probe() {
    if (this.#probed) return
    this.#probed = true
    this.#send({ type: "ping", id: this.#probes++ })
  }

  /** The document in force is another one now and still lists this session's key. */
  confirm(identityKey: Spki, serial: number) {
    this.#agent = { ...this.agent, identityKey, serial }
  }

  dial(dial: Omit<Dial, "type">) {
    this.#send({ type: "dial", ...dial })
  }

  refuse(refusal: RelayRefusal) {
    this.#around.onRefused(refusal, undefined)
    this.#apply({ type: "refused", refusal })
  }

  end(code: number, reason: string) {
    this.#apply({ type: "end", code, reason })
  }

  #message(data: RawData, isBinary: boolean) {
    if (this.#state.phase === "closed") return
    this.#heard = this.#around.time.monotonic()
    this.#probed = false
    if (isBinary) return this.#apply({ type: "malformed", detail: "a binary message" })
    const decoded = decodeFromAgent(data.toString())
    this.#apply(
      Either.isLeft(decoded)
        ? { type: "malformed", detail: decoded.left.message }
        : { type: "message", message: decoded.right },
    )
  }

  #expire() {
    if (this.#state.phase !== "challenged") return
    const refusal = new ChallengeExpired()
    this.#around.onRefused(refusal, undefined)
    this.#apply({ type: "challengeExpired", refusal })
  }

  #apply(event: SessionEvent) {
    const [state, actions] = step(this.#state, event)
    this.#state = state
    if (state.phase !== "challenged") this.#stopDeadline()
    for (const action of actions) this.#act(action)
  }

  #act(action: SessionAction) {
    switch (action.type) {
      case "send":
        return this.#send(action.message)
      case "verify":
        return this.#verify(action.hello)
      case "opened":
        return this.#around.onOpen(this)
      case "dialFailed":
        return this.#around.onDialFailed(this, action.ticket, action.reason)
      case "close":
        return this.#close(action.code, action.reason)
      case "ended":
        return this.#around.onEnd(this)
    }
  }

  #verify(hello: Hello) {
    const verdict = this.#around.verify(hello, this.#nonce)
    if (Either.isRight(verdict)) {
      this.#agent = verdict.right
      return this.#apply({ type: "admitted", sessionSecret: this.secret, replica: this.#around.replica })
    }
    this.#around.onRefused(verdict.left, hello)
    this.#apply({ type: "refused", refusal: verdict.left })
  }

  #send(message: FromRelay) {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    // Whoever asks and does not read must not fill our memory.
    if (this.#socket.bufferedAmount > maxSessionBacklogBytes) return this.#socket.terminate()
    this.#socket.send(encodeMessage(message))
  }

  #close(code: number, reason: string) {
    this.#socket.close(code, reason)
    const stop = this.#around.time.after(closeAnswerMillis, () => this.#socket.terminate())
    this.#socket.once("close", stop)
  }
}
