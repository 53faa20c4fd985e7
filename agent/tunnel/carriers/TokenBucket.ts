/** Dials per second that one agent takes on: an eighth of the 4,000 TLS handshakes a second that two cores do. */
export const dialsPerSecond = 500
/** Dials at once: a client that comes back with all its streams (256 a caller) is served in one go. */
export const dialBurst = 256

/** Admits `perSecond` on average and `burst` at once. The clock is the caller's. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor(perSecond: number, burst: number, nowMillis: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#at = nowMillis
  }

  /** True, and one fewer left, when there is one. */
  take(nowMillis: number): boolean {
    const elapsed = Math.max(0, nowMillis - this.#at)
    this.#at = nowMillis
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed / 1000) * this.#perSecond)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
