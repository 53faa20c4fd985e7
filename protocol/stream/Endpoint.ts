import type net from "node:net"
import { endedCode } from "../core/ending.ts"
import { nextDeadline } from "../core/liveness.ts"
import { handLimit } from "../core/pace.ts"
import type { Action, Event, Moment, State } from "../core/state.ts"
import { step } from "../core/step.ts"
import { hasMoreToSend } from "../core/transmit.ts"
import { reservedBytes, takeableBytes } from "../core/window.ts"
import { encodeFrame } from "../encodeFrame.ts"
import { maxFrameBytes } from "../frame.ts"
import type { Carrier, CarrierListener } from "./Carrier.ts"
import { LocalSocket } from "./LocalSocket.ts"
import type { WindowBudget } from "./WindowBudget.ts"

/** Bytes that one stream sends in one turn of the event loop, so that small requests are served between. */
const turnBytes = 128 * 1024

/** Every data frame is written here: a carrier has copied it when `send` returns (test/conformance/sentBytes.test.ts). */
const frameMemory = Buffer.allocUnsafeSlow(maxFrameBytes)

/** An event of the core without its moment, which the endpoint adds when it is its turn. */
export type Happening = Event extends infer E ? (E extends { at: Moment } ? Omit<E, "at"> : never) : never

export interface EndpointListener {
  /** Every action that is not the endpoint's own business: dial, accepted, suspended, resumed, drain, ponged, ended, forget. */
  readonly action: (action: Action) => void
}

/** Joins one core state to its local socket, its carrier, the clock and the budget: everything the core must not know. */
export class Endpoint {
  /** Dropped after the end, so that a tombstone holds no sockets. */
  #local: LocalSocket | undefined
  #state: State
  #carrier: Carrier | undefined
  /** During the attaching of another carrier: the one it takes over from. */
  #previous: Carrier | undefined
  readonly #budget: WindowBudget
  readonly #listener: EndpointListener
  readonly #waiting: Happening[] = []
  #stepping = false
  #booked = 0
  #turnSent = 0
  #turnTimer: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(
    state: State,
    sockets: readonly [application: net.Socket, pump: net.Socket],
    budget: WindowBudget,
    listener: EndpointListener,
  ) {
    this.#state = state
    this.#budget = budget
    this.#listener = listener

    this.#local = new LocalSocket(sockets, {
      // During a step the state is in flux; `feed` pulls when it is done.
      takeable: () => (this.#stepping ? 0 : takeableBytes(this.#state, budget.spareBytes)),
      happened: (happening) => this.feed(happening),
      closed: () => {
        this.#settleBudget()
        if (this.#state.phase !== "live") this.#local = undefined
      },
    })
  }

  get state(): State {
    return this.#state
  }

  /** Whether frames go both ways now. */
  get isAttached(): boolean {
    return this.#state.phase === "live" && this.#state.ready && this.#state.suspendedAt === undefined
  }

  /** Feeds the core; what happens during a step waits for its end. */
  feed(happening: Happening) {
    this.#waiting.push(happening)
    if (this.#stepping) return
    this.#stepping = true
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#step(next)
    } finally {
      this.#stepping = false
    }
    this.#settleBudget()
    this.#local?.pull()
    this.#arm()
  }

  /** A dialled carrier (client), or one whose opening frame was read (server); `happening` tells the core. */
  attach(carrier: Carrier, happening: Happening) {
    const previous = this.#carrier
    this.#carrier = carrier
    this.#previous = previous
    this.feed(happening)
    this.#previous = undefined
    // Whoever was not taken is not left open: the state may have gone, or the generation was old.
    if (this.#state.phase === "gone") carrier.close(endedCode, "ended")
  }

  /** Forgets everything at once, without a word to anybody. */
  abandon() {
    this.#state = { phase: "gone" }
    this.#carrier?.close(endedCode, "ended")
    this.#carrier = undefined
    this.#settleBudget()
    this.#arm()
  }

  readonly carrierListener: CarrierListener = {
    frame: (frame, carrier) => this.feed({ type: "frame", generation: carrier.generation, frame }),
    malformed: (carrier) => this.feed({ type: "malformed", generation: carrier.generation }),
    flushed: () => {
      if (hasMoreToSend(this.#state)) this.feed({ type: "tick" })
    },
    lost: (code, _reason, carrier) => {
      if (this.#carrier === carrier) this.#carrier = undefined
      this.feed({ type: "lost", generation: carrier.generation, code })
    },
  }

  #moment(): Moment {
    const unflushed = this.#carrier?.unflushedBytes ?? 0
    return {
      now: performance.now(),
      wall: Date.now(),
      spare: this.#budget.spareBytes,
      room: Math.min(handLimit(this.#state) - unflushed, turnBytes - this.#turnSent),
    }
  }

  #step(happening: Happening) {
    const [state, actions] = step(this.#state, { ...happening, at: this.#moment() } as Event)
    this.#state = state
    for (const action of actions) this.#act(action)
  }

  #act(action: Action) {
    switch (action.type) {
      case "send":
        return this.#send(encodeFrame(action.frame, frameMemory))
      case "deliver":
        return this.#local?.deliver(action.bytes)
      case "deliverEnd":
        return this.#local?.deliverEnd()
      case "close":
        return this.#close(action.generation, action.code, action.reason)
      case "ended":
        this.#local?.finish(action.complete, action.reason)
        return this.#listener.action(action)
      default:
        return this.#listener.action(action)
    }
  }

  #send(message: Uint8Array) {
    this.#carrier?.send(message)
    this.#turnSent += message.byteLength
    this.#turnTimer ??= setImmediate(() => {
      this.#turnTimer = undefined
      this.#turnSent = 0
      if (hasMoreToSend(this.#state)) this.feed({ type: "tick" })
    })
  }

  #close(generation: number, code: number, reason: string) {
    for (const carrier of [this.#previous, this.#carrier])
      if (carrier?.generation === generation) {
        carrier.close(code, reason)
        if (carrier === this.#carrier) this.#carrier = undefined
      }
  }

  #settleBudget() {
    // After the end, what still waits in the local socket stays booked until it is flushed or dropped.
    const holds = this.#state.phase === "live" ? reservedBytes(this.#state) : (this.#local?.waitingBytes ?? 0)
    if (holds === this.#booked) return
    this.#budget.book(holds - this.#booked)
    this.#booked = holds
  }

  /** One timer; it is moved only when something is due earlier than it, because a step per chunk must stay cheap. */
  #arm() {
    const due = nextDeadline(this.#state)
    if (due === Number.POSITIVE_INFINITY && this.#state.phase === "gone") {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#timerAt = Number.POSITIVE_INFINITY
      return
    }
    if (due >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = due
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#timerAt = Number.POSITIVE_INFINITY
        this.feed({ type: "tick" })
      },
      // A timer that fires a little early would only be armed again.
      Math.max(1, Math.ceil(due - performance.now())),
    )
    this.#timer.unref()
  }
}
