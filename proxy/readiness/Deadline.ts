import { type PoolClock, systemClock } from "../connections/PoolClock.ts"
import { retryMillis } from "../connections/poolRules.ts"
import { PathBroken } from "../failures.ts"
import type { Attempt, Reached, Readiness } from "./Readiness.ts"

/** Told once of a cluster that is not ready at the first attempt. */
export type Waits = (cluster: string, failure: PathBroken) => void

const late = Symbol("late")
/** An attempt that knows its time tells why it failed this early; connections that are slower go on opening meanwhile. */
const attemptMillis = 2_000

/**
 * One deadline for all clusters of a start: a broken path is tried again until then, and an attempt under way is given up. What
 * waiting does not mend (a refusal, a wrong token, something on this machine) fails at once.
 */
export class Deadline implements Readiness {
  readonly #waitSeconds: number
  readonly #waits: Waits
  readonly #clock: PoolClock
  #endsAt: number
  #asking: Promise<unknown> | undefined

  constructor(waitSeconds: number, waits: Waits, clock: PoolClock = systemClock) {
    this.#waitSeconds = waitSeconds
    this.#waits = waits
    this.#clock = clock
    this.#endsAt = clock.now() + waitSeconds * 1000
  }

  /** Rejects with PathBroken that names the hop which kept the cluster from being ready. */
  async reach<A>(reached: Reached, attempt: Attempt<A>, signal: AbortSignal): Promise<A> {
    const { cluster } = reached
    let failure: PathBroken | undefined
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#inTime(attempt(Math.min(attemptMillis, this.#left / 2)))
      } catch (error) {
        if (error === late) throw this.#notReady(reached, failure)
        if (!(error instanceof PathBroken) || error.hop === "proxy") throw error
        if (failure === undefined) this.#waits(cluster, error)
        failure = error
      }
      const pause = retryMillis(failures)
      if (pause >= this.#left) throw this.#notReady(reached, failure)
      await this.#rest(pause, signal)
    }
  }

  async unhurried<A>(question: Promise<A>): Promise<A> {
    const asked = this.#clock.now()
    this.#asking = question
    try {
      return await question
    } finally {
      this.#asking = undefined
      this.#endsAt += this.#clock.now() - asked
    }
  }

  get #left(): number {
    return this.#endsAt - this.#clock.now()
  }

  /** Rejects with `late` when the deadline comes first. The attempt's own end is of no interest then. */
  async #inTime<A>(attempt: Promise<A>): Promise<A> {
    const over = Promise.withResolvers<never>()
    let cancel = () => {}
    const look = () => {
      if (this.#asking !== undefined) return void this.#asking.then(look, look)
      if (this.#left <= 0) over.reject(late)
      else cancel = this.#clock.after(this.#left, look)
    }
    look()
    return await Promise.race([attempt, over.promise]).finally(() => cancel())
  }

  #rest(millis: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const onAbort = () => {
        cancel()
        reject(signal.reason)
      }
      const cancel = this.#clock.after(millis, () => {
        signal.removeEventListener("abort", onAbort)
        resolve()
      })
      signal.addEventListener("abort", onAbort, { once: true })
    })
  }

  #notReady({ cluster, hop }: Reached, failure: PathBroken | undefined): PathBroken {
    const why = failure?.message ?? "it has not answered"
    return new PathBroken({
      hop: failure?.hop ?? hop,
      cause: failure?.cause ?? "NoAnswer",
      detail: `cluster ${cluster} was not ready within ${this.#waitSeconds} s: ${why}`,
    })
  }
}
