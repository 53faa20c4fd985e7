import type { MemoryUse } from "../../../platform/memory/memoryUse.ts"

/** Beyond this share of the limit, answers that nobody takes are ended. */
const reliefShare = 0.8
/** Beyond this share no request is admitted any more. */
const fullShare = 0.9
/** What one answer to a slow reader holds at most: ours 2 to 4 MiB, and the kernel's receive buffer, 6 MiB by its own default. */
const answerBytes = 8 * 2 ** 20
/** Every caller may have this many slow readers, whatever the memory. */
const sparedOfCaller = 4
/** An answer that waits for its client holds at least this: one that is merely quick would be caught between two writes. */
const waitingBytes = 64 * 1024
/** Looks after an ending until the next, unless memory is full: what was held is given back by then. */
const settlingLooks = 5
/** Looks between two tellings. */
const quietLooks = 600

/** An answer or session under way, towards its client. */
export interface Outgoing {
  /** Whose it is; the same for all requests of one subject. */
  readonly caller: string
  /** Bytes that wait for the client to take them. */
  readonly waiting: () => number
  /** Ends it so that the client cannot take what it has for the whole. */
  readonly cut: () => void
}

export interface MemoryReliefOptions {
  /** Undefined where there is no limit: nothing is ever ended then. */
  readonly memoryUse: () => MemoryUse | undefined
  /** Gives back what ended answers held. */
  readonly collect: () => void
  /** When a shortage begins, at most once a minute: many small ones may follow each other. */
  readonly onShort: (use: MemoryUse) => void
}

/**
 * Keeps one caller's slow readers from having the whole process ended by the kernel, with everybody's sessions in it. What a slow reader holds cannot be taken
 * back from it but by ending it: the kernel keeps what the API server has sent, and Bun reads in pieces of 512 KiB.
 * So when memory is short, whoever has most of them loses the newest of them; see docs/decisions/0081.
 */
export class MemoryRelief {
  readonly #options: MemoryReliefOptions
  readonly #outgoing = new Set<Outgoing>()
  #settling = 0
  #quiet = 0
  #isShort = false
  #isFull = false

  constructor(options: MemoryReliefOptions) {
    this.#options = options
  }

  /** True when another request could be one too many. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Returns how to take it out again. */
  add(outgoing: Outgoing): () => void {
    this.#outgoing.add(outgoing)
    return () => this.#outgoing.delete(outgoing)
  }

  /** To be called several times a second. */
  look(): void {
    const use = this.#options.memoryUse()
    this.#quiet = Math.max(0, this.#quiet - 1)
    if (use === undefined) return
    const excess = use.usedBytes - reliefShare * use.limitBytes
    const wasShort = this.#isShort
    // What is there right after a collection is no garbage.
    this.#isFull = wasShort && use.usedBytes > fullShare * use.limitBytes
    this.#isShort = excess > 0
    if (!this.#isShort) return
    if (!wasShort) {
      if (this.#quiet === 0) {
        this.#options.onShort(use)
        this.#quiet = quietLooks
      }
      // It may be garbage only: the next look knows.
      this.#options.collect()
    } else if (this.#settling === 0 || this.#isFull) this.#relieve(Math.ceil(excess / answerBytes))
    else this.#settling -= 1
  }

  #relieve(wanted: number): void {
    const slowest = this.#slowest()
    // The last ones began last.
    const ended = slowest.slice(Math.max(sparedOfCaller, slowest.length - wanted))
    for (const { cut } of ended) cut()
    this.#options.collect()
    this.#settling = settlingLooks
  }

  /** All that wait, of the caller who has most of them, in the order in which they began. */
  #slowest(): readonly Outgoing[] {
    const byCaller = Map.groupBy(
      [...this.#outgoing].filter(({ waiting }) => waiting() >= waitingBytes),
      ({ caller }) => caller,
    )
    return [...byCaller.values()].reduce((most, some) => (some.length > most.length ? some : most), [])
  }
}
