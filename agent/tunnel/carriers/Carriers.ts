import type { WebSocket } from "ws"
import type { Dial, DialFailure } from "../../../protocol/control.ts"
import { authProxyHoldMillis } from "../../../protocol/core/limits.ts"
import { closeCode } from "../../../protocol/names.ts"
import { type Splice, type SpliceEnd, splice } from "../../../protocol/splice.ts"
import { endSocket } from "../endSocket.ts"
import { type AuthProxies, byPreference } from "./AuthProxies.ts"
import { type AuthProxyHalf, addressOf, connectAuthProxy, DialRefused } from "./connectAuthProxy.ts"
import { dialBurst, dialsPerSecond, TokenBucket } from "./TokenBucket.ts"

/** An auth proxy that failed is asked last for so long; endpoints of a pod on a lost node stay for 40 s. */
const failedMillis = 10_000
/** WebSocket close code of a stream that ended in good order. */
const normalClosure = 1000

/** What happened to a dial or carrier, for log and metrics. */
export type CarrierReport =
  | { readonly event: "carrying"; readonly address: string; readonly resumed: boolean; readonly tookMillis: number }
  | { readonly event: "refused"; readonly reason: DialFailure; readonly detail: string }
  | ({ readonly event: "ended"; readonly address: string } & SpliceEnd)

export interface CarrierSurroundings {
  /** Ready auth proxies, for new streams. */
  readonly ready: AuthProxies
  /** All auth proxies, terminating ones too: where a stream may live that is resumed. */
  readonly all: AuthProxies
  /** Picks up the relay's half: an open, paused WebSocket that speaks `protocol`. */
  readonly pickUp: (dial: Dial, sessionSecret: string, protocol: string, signal: AbortSignal) => Promise<WebSocket>
  readonly onReport: (report: CarrierReport) => void
  /** The number of carriers changed. */
  readonly onCount: () => void
  readonly random?: () => number
}

/** The carriers of this agent: answers dials by joining an auth proxy's half to the relay's. Holds no stream state. */
export class Carriers {
  readonly #around: CarrierSurroundings
  readonly #bucket = new TokenBucket(dialsPerSecond, dialBurst, performance.now())
  readonly #load = new Map<string, number>()
  readonly #failedAt = new Map<string, number>()
  readonly #live = new Map<Splice, Promise<void>>()
  readonly #dialling = new AbortController()
  #lostAt = Number.NEGATIVE_INFINITY

  constructor(around: CarrierSurroundings) {
    this.#around = around
  }

  get count(): number {
    return this.#live.size
  }

  /** Whether a stream is carried, or was until so recently that its auth proxy still holds it: it may come back to this agent. */
  get streamsLive(): boolean {
    return this.#live.size > 0 || performance.now() - this.#lostAt < authProxyHoldMillis
  }

  /** Carriers, and dials under way, per auth proxy. */
  get load(): ReadonlyMap<string, number> {
    return this.#load
  }

  /** Answers one dial; `fail` is called at most once, and only when no carrier came of it. Never rejects. */
  async serve(dial: Dial, sessionSecret: string, fail: (reason: DialFailure) => void): Promise<void> {
    try {
      await this.#carry(dial, sessionSecret)
    } catch (error) {
      const refused = this.#dialling.signal.aborted
        ? new DialRefused("draining", "the agent is shutting down")
        : error instanceof DialRefused
          ? error
          : new DialRefused("relay-unreachable", (error as Error).message)
      this.#around.onReport({ event: "refused", reason: refused.reason, detail: refused.message })
      fail(refused.reason)
    }
  }

  /** Gives up what is being dialled and moves all carriers away (4001). Resolves when they are gone. */
  async drain(): Promise<void> {
    this.#dialling.abort(new Error("the agent is shutting down"))
    const ends = [...this.#live.values()]
    for (const joined of this.#live.keys()) joined.close(closeCode.moved, "agent-draining")
    await Promise.all(ends)
  }

  async #carry(dial: Dial, sessionSecret: string): Promise<void> {
    const { signal } = this.#dialling
    signal.throwIfAborted()
    const began = performance.now()
    if (!this.#bucket.take(began)) throw new DialRefused("overloaded", `more than ${dialsPerSecond} dials a second`)
    const half = await connectAuthProxy(await this.#candidates(dial), dial, signal, {
      began: (address) => this.#count(address, 1),
      failed: (address, reason) => {
        this.#count(address, -1)
        if (reason !== "instance") this.#noteFailure(address)
      },
    })
    let relay: WebSocket
    try {
      relay = await this.#around.pickUp(dial, sessionSecret, half.socket.protocol, signal)
      if (signal.aborted) {
        void endSocket(relay, closeCode.moved, "agent-draining")
        throw signal.reason
      }
    } catch (error) {
      this.#count(half.address, -1)
      void endSocket(half.socket, closeCode.moved, "no-relay-half")
      throw error
    }
    this.#join(half, relay)
    const tookMillis = performance.now() - began
    this.#around.onReport({
      event: "carrying",
      address: half.address,
      resumed: dial.instance !== undefined,
      tookMillis,
    })
  }

  async #candidates(dial: Dial): Promise<readonly string[]> {
    if (dial.instance === undefined) {
      const load = (address: string) => this.#load.get(address) ?? 0
      const addresses = await this.#around.ready.addresses()
      return byPreference(addresses, load, (address) => this.#hasFailed(address), this.#around.random ?? Math.random)
    }
    // The relay names the address: it may only choose among auth proxies.
    const address = addressOf(dial.instance)
    if (!(await this.#around.all.addresses()).includes(address))
      throw new DialRefused("instance", `${address} is not the address of an auth proxy`)
    return [address]
  }

  #join({ socket, address }: AuthProxyHalf, relay: WebSocket): void {
    const gone = Promise.all([closed(socket), closed(relay)]).then(() => {})
    const joined = splice(relay, socket, {
      onEnd: (end) => {
        this.#count(address, -1)
        if (end.code !== normalClosure) this.#lostAt = performance.now()
        this.#around.onReport({ event: "ended", address, ...end })
      },
    })
    this.#live.set(joined, gone)
    this.#around.onCount()
    void gone.then(() => {
      this.#live.delete(joined)
      this.#around.onCount()
    })
    socket.resume()
    relay.resume()
  }

  #noteFailure(address: string): void {
    for (const known of this.#failedAt.keys()) if (!this.#hasFailed(known)) this.#failedAt.delete(known)
    this.#failedAt.set(address, performance.now())
  }

  #hasFailed(address: string): boolean {
    return performance.now() - (this.#failedAt.get(address) ?? Number.NEGATIVE_INFINITY) < failedMillis
  }

  #count(address: string, change: 1 | -1): void {
    const load = (this.#load.get(address) ?? 0) + change
    if (load > 0) this.#load.set(address, load)
    else this.#load.delete(address)
  }
}

const closed = (socket: WebSocket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.readyState === socket.CLOSED) resolve()
    else socket.once("close", () => resolve())
  })
