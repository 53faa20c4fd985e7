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
/** Looks after an ending until the next, unless memory is full and there is something to end: what was held is given back by then. */
const settlingLooks = 5
/** When nothing could be ended, the next collection comes later and later: it stops everybody for tens of milliseconds. */
const longestSettlingLooks = 100
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
    const excess = use === undefined ? 0 : use.usedBytes - reliefShare * use.limitBytes
    if (use === undefined || excess <= 0) this.#rest()
    else if (!this.#isShort) this.#begin(use)
    else this.#goOn(use, excess)
  }

  #goOn(use: MemoryUse, excess: number): void {
    // What is there after a collection is no garbage.
    this.#fullLooks = use.usedBytes > fullShare * use.limitBytes ? this.#fullLooks + 1 : 0
    const isUrgent = this.isFull && this.#inVain === 0
    if (this.#settling > 0 && !isUrgent) this.#settling -= 1
    else this.#relieve(Math.ceil(excess / answerBytes))
  }

  #rest(): void {
    this.#isShort = false
    this.#fullLooks = 0
    this.#settling = 0
    this.#inVain = 0
  }

  #begin(use: MemoryUse): void {
    this.#isShort = true
    if (this.#quiet === 0) {
      this.#options.onShort(use)
      this.#quiet = quietLooks
    }
    // It may be garbage only: the next look knows.
    this.#options.collect()
  }

  #relieve(wanted: number): void {
    const slowest = this.#slowest()
    // The last ones began last.
    const ended = slowest.slice(Math.max(sparedOfCaller, slowest.length - wanted))
    for (const { cut } of ended) cut()
    this.#options.collect()
    this.#inVain = ended.length > 0 ? 0 : this.#inVain + 1
    this.#settling = Math.min(settlingLooks * 2 ** this.#inVain, longestSettlingLooks)
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
