import { type PathFailure, pathFailureOf } from "../failures.ts"
import type { PoolClock } from "./PoolClock.ts"
import { retryMillis } from "./poolRules.ts"

export interface OpenerListener<C> {
  readonly opened: (connection: C) => void
  readonly failed: (failure: PathFailure) => void
  /** The pause after a failure is over. */
  readonly rested: () => void
}

/** Opens connections, and after a failure none for a while: longer with every failure in a row. */
export class Opener<C> {
  readonly #open: () => Promise<C>
  readonly #clock: PoolClock
  readonly #listener: OpenerListener<C>
  #opening = 0
  #stopped = false
  #failures = 0
  #lastFailure: PathFailure | undefined
  #cancelRest: (() => void) | undefined

  constructor(open: () => Promise<C>, clock: PoolClock, listener: OpenerListener<C>) {
    this.#open = open
    this.#clock = clock
    this.#listener = listener
  }

  /** Connections under way. */
  get opening(): number {
    return this.#opening
  }

  /** No connection should be opened now. */
  get resting(): boolean {
    return this.#cancelRest !== undefined
  }

  /** Why the last attempt failed; undefined after a success. */
  get lastFailure(): PathFailure | undefined {
    return this.#lastFailure
  }

  /** What failed long ago is no answer for a request of now. */
  forgetFailure(): void {
    if (!this.resting) this.#lastFailure = undefined
  }

  openOne(): void {
    this.#opening += 1
    this.#open().then(
      (connection) => {
        this.#opening -= 1
        this.#succeeded(connection)
      },
      (error) => {
        this.#opening -= 1
        this.#failed(pathFailureOf(error))
      },
    )
  }

  /** Nothing is told any more but connections that open all the same. */
  stop(): void {
    this.#stopped = true
    this.#cancelRest?.()
  }

  /** The path is there: nobody waits for the end of a pause. */
  #succeeded(connection: C): void {
    this.#failures = 0
    this.#lastFailure = undefined
    const rested = this.resting && !this.#stopped
    this.#cancelRest?.()
    this.#cancelRest = undefined
    this.#listener.opened(connection)
    if (rested) this.#listener.rested()
  }

  #failed(failure: PathFailure): void {
    if (this.#stopped) return
    this.#lastFailure = failure
    // What fails side by side is one failure.
    if (!this.resting) {
      this.#failures += 1
      this.#cancelRest = this.#clock.after(retryMillis(this.#failures), () => {
        this.#cancelRest = undefined
        this.#listener.rested()
      })
    }
    this.#listener.failed(failure)
  }
}
