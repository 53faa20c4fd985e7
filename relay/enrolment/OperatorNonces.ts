import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { operatorNonceSeconds } from "../../protocol/enrolment.ts"

/** Calls that were proven genuine within one nonce's life; an operator makes one in a minute. */
const maxUsed = 100_000
const macBytes = 16

/**
 * Nonces for signed calls: 8 bytes of time, 8 of randomness and a MAC over both by a key of this process. Whoever asks gets one
 * and costs no memory; only those that came back with a genuine signature are remembered until they expire.
 */
export class OperatorNonces {
  readonly #key = randomBytes(32)
  readonly #now: () => number
  readonly #used = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  issue(): string {
    const body = Buffer.alloc(16)
    body.writeDoubleBE(this.#now(), 0)
    randomBytes(8).copy(body, 8)
    return Buffer.concat([body, this.#mac(body)]).toString("base64url")
  }

  /** Ours, not expired, not used. */
  isFresh(nonce: string): boolean {
    const bytes = Buffer.from(nonce, "base64url")
    if (bytes.length !== 32 || bytes.toString("base64url") !== nonce) return false
    if (!timingSafeEqual(bytes.subarray(16), this.#mac(bytes.subarray(0, 16)))) return false
    return this.#now() < bytes.readDoubleBE(0) + operatorNonceSeconds * 1000 && !this.#used.has(nonce)
  }

  /** To be called when the signature over it was found genuine; false when it is not fresh, so that it works once. */
  use(nonce: string): boolean {
    if (!this.isFresh(nonce)) return false
    const now = this.#now()
    // In order of use, and all live equally long: the oldest come first.
    for (const [old, until] of this.#used) {
      if (until > now) break
      this.#used.delete(old)
    }
    if (this.#used.size >= maxUsed) return false
    this.#used.set(nonce, now + operatorNonceSeconds * 1000)
    return true
  }

  #mac(body: Buffer): Buffer {
    return createHmac("sha256", this.#key).update(body).digest().subarray(0, macBytes)
  }
}
