import type { Time } from "../time/Time.ts"

/** An agent takes 500 dials a second, 256 at once (agent/tunnel/carriers): room is left for users who have just come. */
const pacedAtOnce = 100
const paceMillis = 250

interface Lane {
  left: number
  readonly queue: (() => boolean)[]
}

/**
 * Dials that an event of the relay's own causes, for all openings of a cluster in one moment: an agent that comes, an agent that refuses, a session
 * that is lost, a time that is over. At most {@link pacedAtOnce} of a cluster are let go at once, the next ones {@link paceMillis} later, in the order in
 * which they came.
 */
export class Pace {
  readonly #time: Time
  readonly #lanes = new Map<string, Lane>()

  constructor(time: Time) {
    this.#time = time
  }

  /** @param job returns whether it dialled: what has become needless takes nobody's place */
  run(cluster: string, job: () => boolean): void {
    const lane = this.#lanes.get(cluster) ?? this.#open(cluster)
    if (lane.left === 0) return void lane.queue.push(job)
    if (job()) lane.left -= 1
  }

  #open(cluster: string): Lane {
    const lane = { left: pacedAtOnce, queue: [] }
    this.#lanes.set(cluster, lane)
    this.#time.after(paceMillis, () => this.#next(cluster, lane))
    return lane
  }

  #next(cluster: string, lane: Lane): void {
    this.#lanes.delete(cluster)
    if (lane.queue.length === 0) return
    for (const job of lane.queue) this.run(cluster, job)
  }
}
