import type { MemoryUse } from "../../../platform/memory/memoryUse.ts"

/** Beyond this share of the limit, answers that nobody takes are ended. The rest is what 256 connections and their kernel buffers can bring between two looks: 512 KiB each in one turn of the event loop. */
const reliefShare = 0.6
/** Beyond this share no request is admitted any more. */
const fullShare = 0.75
/** What one answer to a slow reader holds at most: ours 2 to 4 MiB, and the kernel's receive buffer, 6 MiB by its own default. */
const answerBytes = 8 * 2 ** 20
/** Every caller may have this many slow readers, whatever the memory. */
const sparedOfCaller = 4
/** What waits for its taker holds at least this, a slow reader's answer or a download that is merely slower than the API server. */
const waitingBytes = 64 * 1024
/** Looks after an ending until the next, unless memory is full: what was held is given back by then. */
const settlingLooks = 5
/** Looks between two collections, which stop everybody for tens of milliseconds; more and more of them where nothing can be ended. */
const collectionLooks = 10
const mostCollectionLooks = 100
/** Full for this many looks: another auth proxy is better for new streams. */
const lastingLooks = 50
/** Looks between two tellings. */
const quietLooks = 600

/** A request or session under way. */
export interface Outgoing {
  /** Whose it is; the same for all requests of one subject. */
  readonly caller: string
  /** Bytes that wait for the client to take them, or for the API server. */
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
  #inVain = 0
  #quiet = 0
  #sinceCollection = Number.POSITIVE_INFINITY
  #isShort = false
  #fullLooks = 0

  constructor(options: MemoryReliefOptions) {
    this.#options = options
  }

  /** True when another request could be one too many. */
  get isFull(): boolean {
    return this.#fullLooks > 0
  }

  /** True when it has been so for 5 s, whatever was ended. */
  get staysFull(): boolean {
    return this.#fullLooks >= lastingLooks
  }

  /** Returns how to take it out again. */
  add(outgoing: Outgoing): () => void {
    this.#outgoing.add(outgoing)
    return () => this.#outgoing.delete(outgoing)
  }

  /** To be called ten times a second. */
  look(): void {
    const use = this.#options.memoryUse()
    this.#quiet = Math.max(0, this.#quiet - 1)
    this.#sinceCollection += 1
    const excess = use === undefined ? 0 : use.usedBytes - reliefShare * use.limitBytes
    if (use === undefined || excess <= 0) this.#rest()
    else this.#act(use, excess)
  }

  #rest(): void {
    this.#isShort = false
    this.#fullLooks = 0
    this.#settling = 0
    this.#inVain = 0
  }

  #act(use: MemoryUse, excess: number): void {
    if (!this.#isShort) this.#tell(use)
    const full = use.usedBytes > fullShare * use.limitBytes
    // Only what is there right after a collection is known to be no garbage.
    const isFresh = this.#sinceCollection === 1
    if (!full) this.#fullLooks = 0
    else if (isFresh || this.#fullLooks > 0) this.#fullLooks += 1
    if (this.#settling > 0 && !full) {
      this.#settling -= 1
      return
    }
    const slowest = this.#slowest().slice(sparedOfCaller)
    if (isFresh && slowest.length > 0) {
      // The last ones began last.
      for (const { cut } of slowest.slice(-Math.ceil(excess / answerBytes))) cut()
      this.#settling = settlingLooks
      this.#inVain = 0
      this.#collect()
    } else if (this.#sinceCollection >= this.#pause(full, slowest.length > 0)) {
      if (slowest.length === 0) this.#inVain += 1
      this.#collect()
    }
  }

  /** Looks from one collection to the next. */
  #pause(full: boolean, canEnd: boolean): number {
    if (canEnd) return full ? 1 : collectionLooks
    return Math.min(collectionLooks * 2 ** this.#inVain, full ? collectionLooks : mostCollectionLooks)
  }

  #collect(): void {
    this.#options.collect()
    this.#sinceCollection = 0
  }

  #tell(use: MemoryUse): void {
    this.#isShort = true
    if (this.#quiet > 0) return
    this.#options.onShort(use)
    this.#quiet = quietLooks
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
