/**
 * Holds back copies that have not begun while a program stands still: kubectl takes a server that does not answer for 10 s for one that is not there,
 * whoever stands between them. Copies that have begun go on.
 */
export class Beginnings {
  #held = Promise.resolve()
  readonly #beginning = new Set<Promise<void>>()

  /** Resolves when a copy may begin; what it gives is called at its first byte, or at its end. */
  async begin(): Promise<() => void> {
    let held: Promise<void>
    do {
      held = this.#held
      await held
    } while (held !== this.#held)
    const begun = Promise.withResolvers<void>()
    this.#beginning.add(begun.promise)
    return () => {
      this.#beginning.delete(begun.promise)
      begun.resolve()
    }
  }

  /** Does it when every copy has its first byte; no copy begins before it is done. */
  async heldWhile(work: () => Promise<void>): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#held = done.promise
    try {
      await Promise.all(this.#beginning)
      await work()
    } finally {
      done.resolve()
    }
  }
}
