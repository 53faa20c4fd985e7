import { TooManyStreamsOfCaller, TooManyStreamsOfCluster } from "../refusals.ts"

/**
 * A resume comes while the carrier that it replaces may still be counted: a network that changed tells nobody. With all of a
 * caller's streams at the limit none could be resumed otherwise, so resumes may go up to twice the limit.
 */
const resumeFactor = 2

/** Streams per caller and per cluster, those that are still opening included. */
export class StreamCounts {
  readonly #limits: () => { readonly streamsPerCaller: number; readonly streamsPerCluster: number }
  readonly #callers = new Map<string, number>()
  readonly #clusters = new Map<string, number>()

  constructor(limits: () => { readonly streamsPerCaller: number; readonly streamsPerCluster: number }) {
    this.#limits = limits
  }

  /** Counts one more until the function returned is called, or says which limit that would exceed. */
  enter(
    callerHash: string,
    cluster: string,
    resumes: boolean,
  ): (() => void) | TooManyStreamsOfCaller | TooManyStreamsOfCluster {
    const factor = resumes ? resumeFactor : 1
    const limits = this.#limits()
    const streamsPerCaller = limits.streamsPerCaller * factor
    const streamsPerCluster = limits.streamsPerCluster * factor
    if ((this.#callers.get(callerHash) ?? 0) >= streamsPerCaller)
      return new TooManyStreamsOfCaller({ detail: `${streamsPerCaller}` })
    if ((this.#clusters.get(cluster) ?? 0) >= streamsPerCluster)
      return new TooManyStreamsOfCluster({ detail: `${streamsPerCluster}` })
    change(this.#callers, callerHash, 1)
    change(this.#clusters, cluster, 1)
    let left = false
    return () => {
      if (left) return
      left = true
      change(this.#callers, callerHash, -1)
      change(this.#clusters, cluster, -1)
    }
  }
}

const change = (counts: Map<string, number>, key: string, by: number) => {
  const next = (counts.get(key) ?? 0) + by
  if (next > 0) counts.set(key, next)
  else counts.delete(key)
}
