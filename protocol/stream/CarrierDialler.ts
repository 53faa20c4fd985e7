import type { WebSocket } from "ws"
import { authProxyGone, CarrierRefused } from "./CarrierRefused.ts"

export interface DialAttempt {
  readonly generation: number
  /** The auth proxy that holds the stream; absent in the first attempt. */
  readonly instance?: string
  /** Aborted when the attempt takes too long or the stream has ended. */
  readonly signal: AbortSignal
}

/** Opens one carrier: resolves with an open WebSocket, rejects with {@link CarrierRefused} or the network's error. */
export type Dial = (attempt: DialAttempt) => Promise<WebSocket>

const firstDelayMillis = 250
const longestDelayMillis = 1_000
/** A carrier that did not live as long as this was of no use: the next dial waits as after a failure. */
const usefulMillis = 1_000
/** A TLS handshake, the upgrade and the agent's own dial (3 s, then another agent) on a slow link. */
export const attemptMillis = 10_000
/** A DNS cache in the cluster may be 30 s old; after this much the instance is really gone. */
export const instanceSearchMillis = 35_000

export interface DiallerListener {
  readonly opened: (socket: WebSocket, generation: number) => void
  readonly failed: (generation: number, error: unknown) => void
  /** No attempt will succeed any more. */
  readonly refused: (reason: string) => void
}

/** Waiting and the clock, for tests. */
export interface DiallerTime {
  /** Resolves after the time or when the signal is aborted. */
  readonly wait: (millis: number, signal: AbortSignal) => Promise<void>
  readonly now: () => number
  /** Aborts after the time. */
  readonly timeout: (millis: number) => AbortSignal
}

const systemTime: DiallerTime = {
  wait: (millis, signal) => wait(millis, signal),
  now: () => performance.now(),
  timeout: (millis) => AbortSignal.timeout(millis),
}

/**
 * Dials until a carrier opens: at once unless the last one was lost within a second; then the begins of two attempts are at least 0.25 s apart, doubling to
 * 1 s, so that an attempt that hung is followed at once. One loop at a time; every attempt has its own generation.
 */
export class CarrierDialler {
  readonly #dial: Dial
  readonly #listener: DiallerListener
  readonly #stopped = new AbortController()
  readonly #time: DiallerTime
  #generation = 0
  #running = false
  #missingSince: number | undefined
  #openedAt = Number.NEGATIVE_INFINITY

  constructor(dial: Dial, listener: DiallerListener, time: DiallerTime = systemTime) {
    this.#dial = dial
    this.#listener = listener
    this.#time = time
  }

  /** One attempt with the next generation; a WebSocket that comes too late is closed. */
  async attempt(instance: string | undefined): Promise<{ socket: WebSocket; generation: number }> {
    const generation = ++this.#generation
    const signal = AbortSignal.any([this.#stopped.signal, this.#time.timeout(attemptMillis)])
    const dialled = this.#dial({ generation, signal, ...(instance === undefined ? {} : { instance }) })
    const socket = await new Promise<WebSocket>((resolve, reject) => {
      const late = () => {
        dialled.then((socket) => socket.terminate()).catch(() => {})
        reject(new Error(this.#stopped.signal.aborted ? "the stream has ended" : "the attempt took too long"))
      }
      if (signal.aborted) return late()
      signal.addEventListener("abort", late, { once: true })
      const settled = () => signal.removeEventListener("abort", late)
      dialled.then(resolve, reject).finally(settled)
    })
    return { socket, generation }
  }

  /** Dials until one opens, or until a refusal is final. Does nothing while a loop is under way. */
  start(instance: string) {
    if (this.#running || this.#stopped.signal.aborted) return
    this.#running = true
    void this.#loop(instance)
  }

  stop() {
    this.#stopped.abort()
  }

  /** Whoever hears of its end may start the next one from there: it has ended by then. */
  async #loop(instance: string): Promise<void> {
    let began = this.#time.now()
    const first = began - this.#openedAt < usefulMillis ? firstDelayMillis : 0
    for (let delay = first; ; delay = delay === 0 ? firstDelayMillis : Math.min(longestDelayMillis, 2 * delay)) {
      const left = began + delay - this.#time.now()
      if (left > 0) await this.#time.wait(left, this.#stopped.signal)
      if (this.#stopped.signal.aborted) break
      began = this.#time.now()
      try {
        const { socket, generation } = await this.attempt(instance)
        this.#missingSince = undefined
        this.#running = false
        this.#openedAt = this.#time.now()
        return this.#listener.opened(socket, generation)
      } catch (error) {
        if (this.#stopped.signal.aborted) break
        this.#listener.failed(this.#generation, error)
        const final = this.#finalReason(error)
        if (final === undefined) continue
        this.#running = false
        return this.#listener.refused(final)
      }
    }
    this.#running = false
  }

  #finalReason(error: unknown): string | undefined {
    const missing = error instanceof CarrierRefused && error.code === authProxyGone
    if (!missing) this.#missingSince = undefined
    if (error instanceof CarrierRefused && !error.retriable) return error.code
    if (!missing) return undefined
    const now = this.#time.now()
    this.#missingSince ??= now
    return now - this.#missingSince >= instanceSearchMillis ? authProxyGone : undefined
  }
}

const wait = (millis: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener("abort", done)
      resolve()
    }
    const timer = setTimeout(done, millis)
    signal.addEventListener("abort", done, { once: true })
    if (signal.aborted) done()
  })
