interface Turn {
  readonly caller: string
  readonly begin: (end: () => void) => void
}

/** Shares out handshakes at once: in the order of arrival, but no caller holds more than its part, however slow it is. */
export class HandshakeTurns {
  readonly #atOnce: number
  readonly #perCaller: number
  readonly #running = new Set<Turn>()
  readonly #ofCaller = new Map<string, number>()
  readonly #waiting = new Set<Turn>()
  #advancing = false
  #again = false

  constructor(atOnce: number, perCaller: number) {
    this.#atOnce = atOnce
    this.#perCaller = perCaller
  }

  /** Turns that have not begun. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Calls `begin` when it is its turn, now if it may be. The function given to it and returned here ends the turn, or the
   * waiting for it; calling it again does nothing.
   */
  take(caller: string, begin: (end: () => void) => void): () => void {
    const turn: Turn = { caller, begin }
    this.#waiting.add(turn)
    this.#advance()
    return () => this.#end(turn)
  }

  #end(turn: Turn): void {
    if (this.#waiting.delete(turn) || !this.#running.delete(turn)) return
    const left = (this.#ofCaller.get(turn.caller) ?? 1) - 1
    if (left === 0) this.#ofCaller.delete(turn.caller)
    else this.#ofCaller.set(turn.caller, left)
    this.#advance()
  }

  /** A loop, never a recursion: a turn may end while it begins, and a peer decides how many wait. */
  #advance(): void {
    this.#again = true
    if (this.#advancing) return
    this.#advancing = true
    try {
      while (this.#again) {
        this.#again = false
        for (const turn of this.#waiting) {
          if (this.#running.size >= this.#atOnce) return
          if ((this.#ofCaller.get(turn.caller) ?? 0) < this.#perCaller) this.#begin(turn)
        }
      }
    } finally {
      this.#advancing = false
    }
  }

  #begin(turn: Turn): void {
    this.#waiting.delete(turn)
    this.#running.add(turn)
    this.#ofCaller.set(turn.caller, (this.#ofCaller.get(turn.caller) ?? 0) + 1)
    turn.begin(() => this.#end(turn))
  }
}
