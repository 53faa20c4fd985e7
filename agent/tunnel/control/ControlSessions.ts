import { Either } from "effect"
import type { RawData, WebSocket } from "ws"
import {
  type Dial,
  type DialFailure,
  decodeFromRelay,
  encodeMessage,
  type FromAgent,
} from "../../../protocol/control.ts"
import { closeCode } from "../../../protocol/names.ts"
import { endSocket } from "../endSocket.ts"
import type { Setback } from "./backoff.ts"
import { nextTimer } from "./liveness.ts"
import {
  type ControlAction,
  type ControlEvent,
  type ControlReport,
  type ControlState,
  type Identity,
  initialState,
} from "./state.ts"
import { step } from "./step.ts"

/** Answers that the relay has not read: some 8,000 refused dials, sixteen times what an agent takes on in a second. */
export const maxBacklogBytes = 1024 * 1024

/** The outside of the control sessions. */
export interface ControlSurroundings {
  readonly identity: Identity
  /** Opens a WebSocket to the relay's control endpoint; rejects with a {@link ConnectFailed}, or anything else for unreachable. */
  readonly connect: (signal: AbortSignal) => Promise<WebSocket>
  /** Whether the relay answered such a failure, and what to log of it. */
  readonly judge: (error: unknown) => { readonly setback: Setback; readonly detail: string }
  /** The message that proves this agent; asked once per connection, with the credentials in force then. */
  readonly hello: (nonce: string) => FromAgent
  /** Streams may be waiting for this agent: carriers now, or lost so recently that their hold has not ended. */
  readonly streamsLive: () => boolean
  /** A relay wants the other half of a carrier; `fail` answers it, once at most. */
  readonly serve: (dial: Dial, sessionSecret: string, fail: (reason: DialFailure) => void) => void
  readonly onReport: (report: ControlReport) => void
}

/** An open control session that answers. */
export interface OpenSession {
  readonly replica: string
  readonly forSeconds: number
  /** What {@link ControlSurroundings.hello} was asked for: counts the changes of credentials. */
  readonly credentials: number
}

/** Drives the pure step function with sockets, one timer and the clock. Plain callbacks: its owner gives it a scope. */
export class ControlSessions {
  readonly #around: ControlSurroundings
  readonly #sockets = new Map<number, { readonly abort: AbortController; socket?: WebSocket; secret?: string }>()
  #state: ControlState = initialState
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(around: ControlSurroundings) {
    this.#around = around
  }

  /** Dials the first session. */
  start(): void {
    this.#happen({ type: "timer" })
  }

  /** New credentials are in force: a new session is opened with them, then the old one is closed. */
  credentialsChanged(): void {
    this.#happen({ type: "credentialsChanged" })
  }

  /** The number of carriers changed, and perhaps the interval of pings with it. */
  carriersChanged(): void {
    this.#arm()
  }

  /** A carrier ended in no good order: asks the relay for a sign of life at once. */
  carrierLost(): void {
    this.#happen({ type: "carrierLost" })
  }

  /** Tells the relay that no dial will be taken any more; the sessions stay open until {@link close}. */
  drain(): void {
    this.#happen({ type: "drain" })
  }

  get open(): readonly OpenSession[] {
    const now = performance.now()
    return this.#state.connections.flatMap((one) =>
      one.phase === "open" && one.silentSince === undefined
        ? [
            {
              replica: one.replica,
              forSeconds: Math.round((now - one.openedAt) / 1000),
              credentials: one.credentials,
            },
          ]
        : [],
    )
  }

  /** Counts the changes of credentials; compare with {@link OpenSession.credentials}. */
  get credentials(): number {
    return this.#state.credentials
  }

  /** Ends everything and resolves when no socket is left. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const ends = [...this.#sockets.values()].map(({ abort, socket }) => {
      abort.abort(new Error("the agent is shutting down"))
      return socket === undefined ? Promise.resolve() : endSocket(socket, closeCode.moved, "draining")
    })
    this.#sockets.clear()
    await Promise.all(ends)
  }

  #happen(event: ControlEvent): void {
    if (this.#closed) return
    const moment = { at: performance.now(), random: Math.random(), streamsLive: this.#around.streamsLive() }
    const [state, actions] = step(this.#around.identity, this.#state, event, moment)
    this.#state = state
    for (const action of actions) this.#act(action)
    this.#arm()
  }

  #arm(): void {
    clearTimeout(this.#timer)
    const at = nextTimer(this.#state, this.#around.streamsLive())
    if (this.#closed || at === undefined) return
    this.#timer = setTimeout(() => this.#happen({ type: "timer" }), Math.max(0, Math.ceil(at - performance.now())))
  }

  #act(action: ControlAction): void {
    switch (action.type) {
      case "dial":
        this.#dial(action.id)
        break
      case "prove":
        this.#send(action.id, this.#around.hello(action.nonce))
        break
      case "opened": {
        const held = this.#sockets.get(action.id)
        if (held !== undefined) held.secret = action.sessionSecret
        return
      }
      case "send":
        this.#send(action.id, action.message)
        break
      case "close": {
        const held = this.#sockets.get(action.id)
        this.#sockets.delete(action.id)
        held?.abort.abort(new Error("given up"))
        if (held?.socket !== undefined) void endSocket(held.socket, action.code, action.reason)
        return
      }
      case "serve":
        this.#serve(action.id, action.dial)
        break
      case "report":
        this.#around.onReport(action.report)
        break
    }
  }

  #dial(id: number): void {
    const held: { abort: AbortController; socket?: WebSocket } = { abort: new AbortController() }
    this.#sockets.set(id, held)
    this.#around.connect(held.abort.signal).then(
      (socket) => {
        if (this.#sockets.get(id) !== held) return void endSocket(socket, closeCode.moved, "given up")
        held.socket = socket
        this.#listen(id, socket)
        this.#happen({ type: "connected", id })
      },
      (error: unknown) => {
        if (this.#sockets.get(id) !== held) return
        this.#sockets.delete(id)
        this.#happen({ type: "connectFailed", id, ...this.#around.judge(error) })
      },
    )
  }

  #listen(id: number, socket: WebSocket): void {
    // 'close' follows every error and says the same.
    socket.on("error", () => {})
    socket.on("close", (code: number, reason: Buffer) => {
      this.#sockets.delete(id)
      this.#happen({ type: "closed", id, code, reason: reason.toString() })
    })
    socket.on("message", (data: RawData, isBinary: boolean) => {
      if (isBinary) return this.#happen({ type: "malformed", id, detail: "a binary message" })
      const decoded = decodeFromRelay(data.toString())
      this.#happen(
        Either.isRight(decoded)
          ? { type: "received", id, message: decoded.right }
          : { type: "malformed", id, detail: decoded.left.message },
      )
    })
  }

  #serve(id: number, dial: Dial): void {
    const secret = this.#sockets.get(id)?.secret
    if (secret === undefined) return
    let answered = false
    this.#around.serve(dial, secret, (reason) => {
      if (answered) return
      answered = true
      this.#send(id, { type: "dialFailed", ticket: dial.ticket, reason })
    })
  }

  #send(id: number, message: FromAgent): void {
    const socket = this.#sockets.get(id)?.socket
    if (socket === undefined || socket.readyState !== socket.OPEN) return
    // A relay that asks and does not read must not fill our memory; 'close' follows and a new session is dialled.
    if (socket.bufferedAmount > maxBacklogBytes) return void socket.terminate()
    socket.send(encodeMessage(message))
  }
}
