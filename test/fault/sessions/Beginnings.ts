/**
 * Holds back copies that have not begun while there is no path for longer than a request waits, or a program stands still: kubectl takes a server that
 * does not answer for 10 s for one that is not there, whoever stands between them. Copies that have begun go on.
 */
export class Beginnings {
  #held = Promise.resolve()
  /** By promises of their first bytes, the names of copies. */
  readonly #beginning = new Map<Promise<void>, string>()
  readonly #firstByteMillis: number

  constructor(firstByteMillis = 60_000) {
    this.#firstByteMillis = firstByteMillis
  }

  /** Resolves when a copy may begin; what it gives is called at its first byte, or at its end. */
  async begin(copy: string): Promise<() => void> {
    let held: Promise<void>
    do {
      held = this.#held
      await held
    } while (held !== this.#held)
    const begun = Promise.withResolvers<void>()
    this.#beginning.set(begun.promise, copy)
    return () => {
      this.#beginning.delete(begun.promise)
      begun.resolve()
    }
  }

  /** Does it when every copy has its first byte, and fails when one does not get it in time; no copy begins before it is done. */
  async heldWhile(work: () => Promise<void>): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#held = done.promise
    try {
      await this.#firstBytes()
      await work()
    } finally {
      done.resolve()
    }
  }
  async #firstBytes(): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      const names = [...this.#beginning.values()].join(", ")
      late.reject(new Error(`no first byte after ${this.#firstByteMillis} ms: ${names}`))
    }, this.#firstByteMillis)
    try {
      await Promise.race([Promise.all(this.#beginning.keys()), late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}
