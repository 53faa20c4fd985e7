/** Numbers in [0, 1) that a seed fixes (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Entry {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

/** The next time that an event can have. On a grid of powers of two, sums and differences of times are exact: what was due at a time is due at it. */
export const onGrid = (millis: number): number => Math.ceil(millis * 64) / 64

/** Milliseconds that pass only from event to event. Events of the same time run in the order in which they were made. */
export class VirtualClock {
  now = 0
  #order = 0
  /** A binary heap by time, then order. */
  readonly #heap: Entry[] = []

  after(millis: number, run: () => void): () => void {
    const at = onGrid(this.now + Math.max(0, millis))
    const entry: Entry = { at, order: this.#order++, run, cancelled: false }
    this.#push(entry)
    return () => {
      entry.cancelled = true
    }
  }

  /** Runs the next event; false when there is none before `until`. Promises settled by it have run when this resolves. */
  async step(until: number): Promise<boolean> {
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop()
      if (next.cancelled) continue
      this.now = next.at
      next.run()
      // CarrierDialler is the one part that waits for promises, at most this many in a row.
      for (let turn = 0; turn < 8; turn += 1) await undefined
      return true
    }
    this.now = Math.max(this.now, until)
    return false
  }

  #push(entry: Entry) {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop() {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

const before = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order)
