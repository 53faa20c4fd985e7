import { createHash, timingSafeEqual } from "node:crypto"
import type net from "node:net"
import type { WebSocket } from "ws"
import { authProxyHoldMillis } from "../core/limits.ts"
import { reason } from "../core/reasons.ts"
import { encodeFrame } from "../encodeFrame.ts"
import type { Frame, OpeningFrame } from "../frame.ts"
import { closeCode } from "../names.ts"
import { Carrier, type CarrierListener } from "./Carrier.ts"
import { HeldStream } from "./HeldStream.ts"
import { type Meeting, socketPair } from "./socketPair.ts"
import type { StreamEnd, StreamEvent } from "./streamEvents.ts"
import type { WindowBudget } from "./WindowBudget.ts"

/** Who brought a carrier, as the agent asserts it; authenticated again inside the stream's TLS. */
export interface CarrierOrigin {
  /** `host:port#nonce` as this auth proxy was dialled. */
  readonly instance: string
  readonly callerHash: string
  readonly clientAddress: string
}

/** The auth proxy's end of a stream. */
export interface ServerStream {
  /** A real socket; the TLS server goes over it. A reset stream destroys it with `StreamReset`. */
  readonly socket: net.Socket
  readonly callerHash: string
  readonly clientAddress: string
  readonly ended: Promise<StreamEnd>
  /** Resets the stream towards the proxy. */
  destroy(why?: string): void
}

export interface StreamServerOptions {
  /** Tells this process from the one before it at the same address. */
  readonly bootNonce: string
  readonly budget: WindowBudget
  readonly holdMillis?: number
  /** Streams that have not ended, suspended ones included. */
  readonly limits: { readonly perCaller: number; readonly total: number }
  /** `abstract` in a pod. */
  readonly meeting?: Meeting
  readonly onStream: (stream: ServerStream) => void
  readonly onEvent?: (event: StreamEvent, stream: { readonly callerHash: string }) => void
}

export interface StreamStatistics {
  readonly streams: number
  readonly attached: number
  readonly suspended: number
  readonly tombstones: number
  readonly opened: number
  readonly resumed: number
  /** By reason of refusal. */
  readonly refused: Readonly<Record<string, number>>
}

/** A carrier says `open` or `resume` within this time. */
export const openingMillis = 10_000
/** Ended streams remembered at once, the oldest forgotten first: 25 ends a second over the hold time, about 5 KB each. A resume after that gets `unknown`, an end as well. */
export const maxTombstones = 8_192

const digest = (secret: Uint8Array) => createHash("sha256").update(secret).digest()

/** All streams of one auth proxy. */
export class StreamServer {
  readonly #options: StreamServerOptions
  readonly #streams = new Map<string, HeldStream>()
  /** Carriers whose opening frame has not come. */
  readonly #fresh = new Map<Carrier, NodeJS.Timeout>()
  readonly #callers = new Map<string, number>()
  readonly #refused: Record<string, number> = {}
  #live = 0
  #opened = 0
  #resumed = 0
  #draining = false

  constructor(options: StreamServerOptions) {
    this.#options = options
  }

  /** Streams that have not ended. */
  get streams(): number {
    return this.#live
  }

  /** No new stream should come here any more. */
  get draining(): boolean {
    return this.#draining
  }

  /** Takes one carrier; its first frame says which stream it is for. */
  attach(socket: WebSocket, origin: CarrierOrigin) {
    const listener: CarrierListener = {
      frame: (frame, carrier) => this.#opening(carrier, frame, origin),
      malformed: (carrier) => this.#refuse(carrier, reason.malformedFrame, closeCode.protocolError),
      flushed: () => {},
      lost: (_code, _reason, carrier) => this.#known(carrier),
    }
    const carrier = new Carrier(socket, 0, listener)
    const timer = setTimeout(() => this.#refuse(carrier, reason.notAccepted, closeCode.protocolError), openingMillis)
    timer.unref()
    this.#fresh.set(carrier, timer)
    // Another process at this address held the stream: whoever upgraded should have said so before.
    if (!origin.instance.endsWith(`#${this.#options.bootNonce}`)) this.#refuse(carrier, reason.unknown)
  }

  /** Asks every proxy to send no new request; streams opened later are told at once. */
  drain() {
    this.#draining = true
    for (const stream of this.#streams.values()) stream.feed({ type: "drain" })
  }

  /** Resets every stream. */
  closeAll(why: string) {
    for (const carrier of [...this.#fresh.keys()]) {
      this.#known(carrier)
      carrier.close(closeCode.moved, why)
    }
    for (const stream of [...this.#streams.values()]) stream.destroy(why)
  }

  statistics(): StreamStatistics {
    let attached = 0
    for (const stream of this.#streams.values()) if (stream.isAttached) attached += 1
    return {
      streams: this.#live,
      attached,
      suspended: this.#live - attached,
      tombstones: this.#streams.size - this.#live,
      opened: this.#opened,
      resumed: this.#resumed,
      refused: { ...this.#refused },
    }
  }

  #known(carrier: Carrier) {
    clearTimeout(this.#fresh.get(carrier))
    this.#fresh.delete(carrier)
  }

  /** Tells the carrier why and closes it; no stream is touched. */
  #refuse(carrier: Carrier, why: string, code: number = closeCode.protocolError) {
    this.#known(carrier)
    this.#refused[why] = (this.#refused[why] ?? 0) + 1
    carrier.send(encodeFrame({ type: "reset", offset: 0, reason: why }))
    carrier.close(code, why)
  }

  #opening(carrier: Carrier, frame: Frame, origin: CarrierOrigin) {
    if (frame.type !== "open" && frame.type !== "resume") return this.#refuse(carrier, reason.unexpectedFrame)
    const id = Buffer.from(frame.streamId).toString("base64url")
    const stream = this.#streams.get(id)
    if (frame.type === "resume") return this.#resume(carrier, frame, origin, stream)
    if (stream !== undefined) return this.#refuse(carrier, reason.resumeRefused)
    if (this.#live >= this.#options.limits.total) return this.#refuse(carrier, reason.tooManyStreams, 1013)
    if ((this.#callers.get(origin.callerHash) ?? 0) >= this.#options.limits.perCaller)
      return this.#refuse(carrier, reason.tooManyStreamsOfCaller, 1013)
    this.#open(carrier, frame, origin, id)
  }

  #resume(carrier: Carrier, frame: OpeningFrame, origin: CarrierOrigin, stream: HeldStream | undefined) {
    if (stream === undefined) return this.#refuse(carrier, reason.unknown, 1000)
    // Everything is compared before anything is decided, so that the answer's time tells nothing either.
    const secretFits = timingSafeEqual(digest(frame.resumeSecret), stream.secretDigest)
    const callerFits = timingSafeEqual(digest(Buffer.from(origin.callerHash)), digest(Buffer.from(stream.callerHash)))
    if (!secretFits || !callerFits || frame.generation <= stream.generation)
      return this.#refuse(carrier, reason.resumeRefused)
    this.#known(carrier)
    this.#resumed += 1
    stream.offer(carrier, frame)
  }

  #open(carrier: Carrier, frame: OpeningFrame, origin: CarrierOrigin, id: string) {
    this.#known(carrier)
    this.#count(origin.callerHash, 1)
    this.#opened += 1
    const stream = new HeldStream({
      frame,
      secretDigest: digest(frame.resumeSecret),
      origin,
      budget: this.#options.budget,
      holdMillis: this.#options.holdMillis ?? authProxyHoldMillis,
      onEvent: (event) => this.#options.onEvent?.(event, { callerHash: origin.callerHash }),
      onEnded: () => {
        this.#count(origin.callerHash, -1)
        // Moves it behind the older tombstones: a Map keeps the order of insertion.
        this.#streams.delete(id)
        this.#streams.set(id, stream)
        this.#boundTombstones()
      },
      onForgotten: () => {
        if (this.#streams.get(id) === stream) this.#streams.delete(id)
      },
    })
    this.#streams.set(id, stream)
    stream.start(carrier, socketPair(this.#options.meeting), this.#draining, this.#options.onStream)
  }

  #count(callerHash: string, change: 1 | -1) {
    this.#live += change
    const count = (this.#callers.get(callerHash) ?? 0) + change
    if (count === 0) this.#callers.delete(callerHash)
    else this.#callers.set(callerHash, count)
  }

  #boundTombstones() {
    if (this.#streams.size - this.#live <= maxTombstones) return
    for (const stream of this.#streams.values())
      if (stream.isOver) {
        stream.forget()
        return
      }
  }
}
