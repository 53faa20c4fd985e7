import type net from "node:net"
import { createServer } from "../core/create.ts"
import { reason } from "../core/reasons.ts"
import type { Action } from "../core/state.ts"
import { encodeFrame } from "../encodeFrame.ts"
import type { OpeningFrame } from "../frame.ts"
import { closeCode } from "../names.ts"
import type { Carrier } from "./Carrier.ts"
import { Endpoint, type Happening } from "./Endpoint.ts"
import type { CarrierOrigin, ServerStream } from "./StreamServer.ts"
import type { StreamEnd, StreamEvent } from "./streamEvents.ts"
import type { WindowBudget } from "./WindowBudget.ts"

export interface HeldStreamOptions {
  readonly frame: OpeningFrame
  readonly secretDigest: Buffer
  readonly origin: CarrierOrigin
  readonly budget: WindowBudget
  readonly holdMillis: number
  readonly onEvent: (event: StreamEvent) => void
  /** Exactly once, whether or not the stream was ever handed out. */
  readonly onEnded: () => void
  readonly onForgotten: () => void
}

/** One stream of a StreamServer, from its opening frame until its tombstone is gone. */
export class HeldStream {
  readonly secretDigest: Buffer
  readonly callerHash: string
  readonly #options: HeldStreamOptions
  readonly #end = Promise.withResolvers<StreamEnd>()
  #endpoint: Endpoint | undefined
  /** Asked for before the sockets were there. */
  #early: Happening[] = []
  #isOver = false
  #suspendedAt = 0

  constructor(options: HeldStreamOptions) {
    this.#options = options
    this.secretDigest = options.secretDigest
    this.callerHash = options.origin.callerHash
  }

  get generation(): number {
    const state = this.#endpoint?.state
    return state === undefined ? this.#options.frame.generation : state.phase === "gone" ? 0 : state.generation
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get isAttached(): boolean {
    return this.#endpoint?.isAttached ?? false
  }

  /** Makes the stream's sockets, hands it out and accepts. The carrier's frames wait meanwhile. */
  start(
    carrier: Carrier,
    making: Promise<[net.Socket, net.Socket]>,
    draining: boolean,
    onStream: (stream: ServerStream) => void,
  ) {
    carrier.park()
    making.then(
      (sockets) => this.#begin(carrier, sockets, draining, onStream),
      () => {
        carrier.send(encodeFrame({ type: "reset", offset: 0, reason: reason.socketFailed }))
        carrier.close(closeCode.protocolError, reason.socketFailed)
        this.#over({ reason: reason.socketFailed, bytesSent: 0, bytesReceived: 0 })
        this.#options.onForgotten()
      },
    )
  }

  /** A newer carrier whose secret and caller were checked. */
  offer(carrier: Carrier, frame: OpeningFrame) {
    if (this.#endpoint === undefined) return carrier.close(closeCode.moved, "opening")
    this.#attach(this.#endpoint, carrier, frame)
  }

  feed(happening: Happening) {
    if (this.#endpoint === undefined) this.#early.push(happening)
    else this.#endpoint.feed(happening)
  }

  destroy(why: string = reason.readerGone) {
    this.feed({ type: "reset", reason: why })
  }

  /** Drops the tombstone before its time. */
  forget() {
    this.#endpoint?.abandon()
    this.#options.onForgotten()
  }

  #begin(
    carrier: Carrier,
    sockets: [net.Socket, net.Socket],
    draining: boolean,
    onStream: (stream: ServerStream) => void,
  ) {
    const { frame, origin, budget, holdMillis } = this.#options
    const state = createServer(frame, origin.instance, performance.now(), holdMillis)
    const endpoint = new Endpoint(state, sockets, budget, { action: (action) => this.#act(action) })
    this.#endpoint = endpoint
    if (draining) endpoint.feed({ type: "drain" })
    onStream({
      socket: sockets[0],
      callerHash: origin.callerHash,
      clientAddress: origin.clientAddress,
      ended: this.#end.promise,
      destroy: (why) => this.destroy(why),
    })
    this.#attach(endpoint, carrier, frame)
    this.#options.onEvent({ type: "attached", generation: frame.generation, instance: origin.instance })
    for (const happening of this.#early) endpoint.feed(happening)
    this.#early = []
  }

  #attach(endpoint: Endpoint, carrier: Carrier, frame: OpeningFrame) {
    const { generation, receivedOffset, creditLimit } = frame
    // Before the step: a tombstone closes the carrier by this number in the same step.
    carrier.generation = generation
    endpoint.attach(carrier, { type: "offered", generation, receivedOffset, creditLimit })
    carrier.handOver(generation, endpoint.carrierListener)
  }

  #act(action: Action) {
    switch (action.type) {
      case "suspended":
        this.#suspendedAt = performance.now()
        return this.#options.onEvent({ type: "suspended" })
      case "resumed":
        return this.#options.onEvent({
          type: "resumed",
          generation: this.generation,
          suspendedMillis: performance.now() - this.#suspendedAt,
        })
      case "ended":
        return this.#over(action)
      case "forget":
        return this.#options.onForgotten()
      default:
        return
    }
  }

  #over({ reason, bytesSent, bytesReceived }: StreamEnd) {
    if (this.#isOver) return
    this.#isOver = true
    const end: StreamEnd = { reason, bytesSent, bytesReceived }
    this.#options.onEnded()
    this.#end.resolve(end)
    this.#options.onEvent({ type: "ended", ...end })
  }
}
