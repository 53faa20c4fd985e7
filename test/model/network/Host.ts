import { onGrid, type VirtualClock } from "./VirtualClock.ts"

/** A machine or process: it can be killed (everything it holds is gone), frozen (nothing runs, the clock goes on) or asleep (the monotonic clock stands too). */
export class Host {
  readonly name: string
  readonly #clock: VirtualClock
  /** Counts lives: what belongs to an earlier one does not run any more. */
  life = 1
  #stopped = false
  #sleptMillis = 0
  #asleepSince: number | undefined
  readonly #waiting: (() => void)[] = []

  constructor(name: string, clock: VirtualClock) {
    this.name = name
    this.#clock = clock
  }

  /** The monotonic clock of this host. */
  get now(): number {
    return (this.#asleepSince ?? this.#clock.now) - this.#sleptMillis
  }

  get wall(): number {
    return 1_700_000_000_000 + this.#clock.now
  }

  /** Runs now, after the standstill, or never when this life is over. */
  run(life: number, body: () => void) {
    const alive = () => {
      if (life === this.life) body()
    }
    if (this.#stopped) this.#waiting.push(alive)
    else alive()
  }

  after(millis: number, body: () => void): () => void {
    const { life } = this
    let cancelled = false
    const due = onGrid(this.now + millis)
    const fire = () => {
      if (cancelled) return
      // A monotonic timer of a laptop that slept is late by the time it slept.
      if (this.now < due) return void this.#clock.after(due - this.now, () => this.run(life, fire))
      body()
    }
    const cancel = this.#clock.after(millis, () => this.run(life, fire))
    return () => {
      cancelled = true
      cancel()
    }
  }

  stop(asleep: boolean) {
    this.#stopped = true
    if (asleep) this.#asleepSince ??= this.#clock.now
  }

  goOn() {
    if (this.#asleepSince !== undefined) this.#sleptMillis += this.#clock.now - this.#asleepSince
    this.#asleepSince = undefined
    this.#stopped = false
    for (const body of this.#waiting.splice(0)) body()
  }
}
