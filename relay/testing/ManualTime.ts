import type { Time } from "../time/Time.ts"

/** Time that stands still until {@link advance}. */
export class ManualTime implements Time {
  #now = 0
  readonly #start: number
  readonly #timers = new Map<symbol, { readonly at: number; readonly run: () => void }>()

  constructor(start = Date.now()) {
    this.#start = start
  }

  readonly monotonic = () => this.#now
  readonly wall = () => new Date(this.#start + this.#now)
  readonly after = (millis: number, run: () => void) => {
    const key = Symbol()
    this.#timers.set(key, { at: this.#now + millis, run })
    return () => void this.#timers.delete(key)
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Lets the time pass and runs what became due, in order. */
  advance(millis: number): void {
    const until = this.#now + millis
    for (;;) {
      const [due] = [...this.#timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)
      if (due === undefined) break
      this.#timers.delete(due[0])
      this.#now = Math.max(this.#now, due[1].at)
      due[1].run()
    }
    this.#now = until
  }
}
