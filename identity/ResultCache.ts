import { createHash } from "node:crypto"

/** A revoked or disabled token is accepted at most this much longer. */
export const cacheMillis = 10_000
/** More than a relay's callers within {@link cacheMillis}; about 20 MB when every token is as large as allowed. */
export const cacheEntries = 5_000

/** SHA-256 of a token in hex: names it without being it. */
export const tokenHash = (token: string): string => createHash("sha256").update(token).digest("hex")

/** Remembers positive results for a short time, by the token's hash, so that no token is kept. The oldest makes room for the newest. */
export class ResultCache<Result> {
  readonly #entries = new Map<
    string,
    { readonly result: Result; readonly fromMillis: number; readonly untilMillis: number }
  >()

  get(hash: string, nowMillis: number): Result | undefined {
    const entry = this.#entries.get(hash)
    if (entry === undefined) return undefined
    // A clock that was set back must not lengthen a result's life.
    if (nowMillis < entry.untilMillis && nowMillis >= entry.fromMillis) return entry.result
    this.#entries.delete(hash)
    return undefined
  }

  /** Keeps a result for {@link cacheMillis}, never beyond the token's expiry. */
  set(hash: string, result: Result, nowMillis: number, expiresAtMillis: number): void {
    const untilMillis = Math.min(nowMillis + cacheMillis, expiresAtMillis)
    if (untilMillis <= nowMillis) return
    this.#entries.delete(hash)
    this.#entries.set(hash, { result, fromMillis: nowMillis, untilMillis })
    if (this.#entries.size <= cacheEntries) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      break
    }
  }

  get size(): number {
    return this.#entries.size
  }
}
