import { addressBlock } from "../../platform/tlsListener.ts"
import { joinFailureWindowMillis, maxJoinFailureAddresses } from "../configuration/limits.ts"

/** Counts failed joins per address (an IPv6 network of /64 is one) in a fixed window that begins with the first failure. */
export class FailedJoins {
  readonly #limit: () => number
  readonly #now: () => number
  readonly #failures = new Map<string, { readonly since: number; count: number }>()

  constructor(limit: () => number, now: () => number) {
    this.#limit = limit
    this.#now = now
  }

  get addresses(): number {
    return this.#failures.size
  }

  isBlocked(from: string): boolean {
    const address = addressBlock(from)
    const found = this.#failures.get(address)
    if (found === undefined) return false
    if (this.#now() - found.since < joinFailureWindowMillis) return found.count >= this.#limit()
    this.#failures.delete(address)
    return false
  }

  failed(from: string): void {
    const address = addressBlock(from)
    const found = this.#failures.get(address)
    if (found !== undefined && this.#now() - found.since < joinFailureWindowMillis) {
      found.count += 1
      return
    }
    this.#failures.delete(address)
    const [oldest] = this.#failures.keys()
    if (this.#failures.size >= maxJoinFailureAddresses && oldest !== undefined) this.#failures.delete(oldest)
    this.#failures.set(address, { since: this.#now(), count: 1 })
  }
}
