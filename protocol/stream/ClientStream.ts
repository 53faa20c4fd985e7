import { randomBytes } from "node:crypto"
import type net from "node:net"
import type { WebSocket } from "ws"
import { createClient } from "../core/create.ts"
import { proxyHoldMillis } from "../core/limits.ts"
import { reason } from "../core/reasons.ts"
import type { Action } from "../core/state.ts"
import { resumeSecretBytes, streamIdBytes } from "../frame.ts"
import { Carrier } from "./Carrier.ts"
import { CarrierDialler, type Dial } from "./CarrierDialler.ts"
import { StreamNotAccepted } from "./CarrierRefused.ts"
import { Endpoint } from "./Endpoint.ts"
import { Probes } from "./Probes.ts"
import { type Meeting, socketPair } from "./socketPair.ts"
import type { StreamEnd, StreamEvent } from "./streamEvents.ts"
import type { WindowBudget } from "./WindowBudget.ts"

export interface ClientStreamOptions {
  readonly dial: Dial
  readonly budget: WindowBudget
  /** May only shorten the hold time. */
  readonly holdMillis?: number
  /** Where the socket pair meets; `private` unless every process here is our own. */
  readonly meeting?: Meeting
  /** Called before the first dial: what is written then, up to 16 KiB, travels with the opening. */
  readonly onSocket?: (socket: net.Socket) => void
  readonly onEvent?: (event: StreamEvent) => void
}

/** The proxy's end of a stream. It brings its own carriers and resumes until the hold time is over. */
export interface ClientStream {
  /** A real socket; end-to-end TLS goes over it. A reset stream destroys it with `StreamReset`. */
  readonly socket: net.Socket
  readonly state: "attached" | "suspended" | "ended"
  /** The auth proxy wants no new request on it. */
  readonly draining: boolean
  /** `performance.now()` of the last frame. */
  readonly lastHeardMillis: number
  readonly instance: string
  /** Proves that the auth proxy answers now. Rejects when the stream is suspended or ends before the pong. */
  probe(): Promise<void>
  /** An idle stream (no request on it) is pinged every minute instead of every 2.5 s. Streams begin in use. */
  setInUse(inUse: boolean): void
  /** Resolves exactly once; never rejects. */
  readonly ended: Promise<StreamEnd>
  /** Resolves after the end, when the auth proxy knows of it, or nobody will ask any more. Never rejects. */
  readonly settled: Promise<void>
  /** Resets the stream: both ends drop what is under way. For aborts; a finished stream ends by its sockets. */
  destroy(why?: string): void
}

class ProxyStream implements ClientStream {
  readonly socket: net.Socket
  readonly ended: Promise<StreamEnd>
  readonly settled: Promise<void>
  readonly #endpoint: Endpoint
  readonly #dialler: CarrierDialler
  readonly #probes = new Probes()
  readonly #onEvent: (event: StreamEvent) => void
  readonly #tellEnd: (end: StreamEnd) => void
  readonly #tellSettled: () => void
  readonly #acceptance = Promise.withResolvers<void>()
  #instance = ""
  #suspendedAt = 0
  #isOver = false

  constructor(options: ClientStreamOptions, sockets: readonly [net.Socket, net.Socket]) {
    const { promise, resolve } = Promise.withResolvers<StreamEnd>()
    this.socket = sockets[0]
    this.ended = promise
    this.#tellEnd = resolve
    const settling = Promise.withResolvers<void>()
    this.settled = settling.promise
    this.#tellSettled = settling.resolve
    this.#onEvent = options.onEvent ?? (() => {})
    // A refused first dial rejects elsewhere.
    this.#acceptance.promise.catch(() => {})
    const identity = { streamId: randomBytes(streamIdBytes), resumeSecret: randomBytes(resumeSecretBytes) }
    const hold = Math.min(options.holdMillis ?? proxyHoldMillis, proxyHoldMillis)
    this.#endpoint = new Endpoint(createClient(identity, performance.now(), hold), sockets, options.budget, {
      action: (action) => this.#act(action),
    })
    this.#dialler = new CarrierDialler(options.dial, {
      opened: (socket, generation) => this.#attach(socket, generation),
      failed: (generation, error) =>
        this.#onEvent({
          type: "dialFailed",
          generation,
          message: error instanceof Error ? error.message : String(error),
        }),
      refused: (why) => this.#endpoint.feed({ type: "dialEnded", reason: why }),
    })
  }

  async open(): Promise<void> {
    try {
      const { socket, generation } = await this.#dialler.attempt(undefined)
      this.#attach(socket, generation)
    } catch (error) {
      this.#endpoint.feed({ type: "dialEnded", reason: reason.notAccepted })
      throw error
    }
    await this.#acceptance.promise
  }

  get state(): "attached" | "suspended" | "ended" {
    return this.#isOver ? "ended" : this.#endpoint.isAttached ? "attached" : "suspended"
  }

  get draining(): boolean {
    const state = this.#endpoint.state
    return state.phase === "live" && state.draining
  }

  get lastHeardMillis(): number {
    const state = this.#endpoint.state
    return state.phase === "gone" ? 0 : state.lastHeard
  }

  get instance(): string {
    return this.#instance
  }

  probe(): Promise<void> {
    if (this.state !== "attached") return Promise.reject(new StreamNotAccepted(this.state))
    this.#endpoint.feed({ type: "probe" })
    const state = this.#endpoint.state
    return this.#probes.add(state.phase === "live" ? state.pingId : 0)
  }

  setInUse(inUse: boolean) {
    this.#endpoint.feed({ type: "use", inUse })
  }

  destroy(why: string = reason.readerGone) {
    this.#endpoint.feed({ type: "reset", reason: why })
  }

  #attach(socket: WebSocket, generation: number) {
    const carrier = new Carrier(socket, generation, this.#endpoint.carrierListener)
    this.#endpoint.attach(carrier, { type: "attached", generation })
  }

  #act(action: Action) {
    switch (action.type) {
      case "dial":
        return this.#dialler.start(this.#instance)
      case "accepted":
        this.#instance = action.instance
        this.#onEvent({ type: "attached", generation: 1, instance: action.instance })
        return this.#acceptance.resolve()
      case "suspended":
        this.#suspendedAt = performance.now()
        this.#probes.reject("suspended")
        return this.#onEvent({ type: "suspended" })
      case "resumed": {
        const state = this.#endpoint.state
        return this.#onEvent({
          type: "resumed",
          generation: state.phase === "live" ? state.generation : 0,
          suspendedMillis: performance.now() - this.#suspendedAt,
        })
      }
      case "drain":
        return this.#onEvent({ type: "drain" })
      case "ponged":
        return this.#probes.resolve(action.id)
      case "ended":
        return this.#end(action)
      case "forget":
        this.#dialler.stop()
        return this.#tellSettled()
      default:
        return
    }
  }

  #end({ reason, bytesSent, bytesReceived }: StreamEnd) {
    this.#isOver = true
    this.#probes.reject("ended")
    const end: StreamEnd = { reason, bytesSent, bytesReceived }
    this.#acceptance.reject(new StreamNotAccepted(reason))
    this.#tellEnd(end)
    this.#onEvent({ type: "ended", ...end })
  }
}

/**
 * Opens a stream: dials the first carrier and waits until the auth proxy has accepted.
 * @throws {CarrierRefused} or the network's error of the first dial, which is not repeated
 * @throws {StreamNotAccepted} when the auth proxy refused, or the carrier was lost before its answer
 */
export const openStream = async (options: ClientStreamOptions): Promise<ClientStream> => {
  const stream = new ProxyStream(options, await socketPair(options.meeting))
  options.onSocket?.(stream.socket)
  await stream.open()
  return stream
}
