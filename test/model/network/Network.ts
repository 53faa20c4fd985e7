import { Connection, type End } from "./Connection.ts"
import type { Host } from "./Host.ts"
import type { VirtualClock } from "./VirtualClock.ts"

/** TCP sends a SYN again after 1, 3 and 7 s. */
const synMillis = [0, 1_000, 3_000, 7_000, 15_000]

interface Link {
  downSince: number
  downUntil: number
}

export interface NetworkOptions {
  readonly delayMillis: (a: string, b: string) => number
  readonly bytesPerMilli: number
  readonly random: () => number
}

/** TCP as far as it matters here: order, delay, rate, silence while a link is down and some time longer, resets when a host is gone. */
export class Network<M> {
  readonly #clock: VirtualClock
  readonly #options: NetworkOptions
  readonly #links = new Map<string, Link>()
  readonly #listeners = new Map<Host, { life: number; accept: (end: End<M>) => void }>()
  readonly open = new Set<Connection<M>>()

  constructor(clock: VirtualClock, options: NetworkOptions) {
    this.#clock = clock
    this.#options = options
  }

  listen(host: Host, accept: (end: End<M>) => void) {
    this.#listeners.set(host, { life: host.life, accept })
  }

  /** Calls back with an open end, or with undefined when nobody listens. Silent while the link is down. */
  connect(from: Host, to: Host, done: (end: End<M> | undefined) => void) {
    const { life } = from
    const rtt = 2 * this.delay(from, to)
    const attempt = (index: number) => {
      const wait = synMillis[index]
      if (wait === undefined) return
      this.#clock.after(index === 0 ? 0 : wait - synMillis[index - 1]!, () => {
        if (this.isDown(from, to)) return attempt(index + 1)
        this.#clock.after(rtt, () => {
          if (from.life !== life) return
          if (this.isDown(from, to)) return attempt(index + 1)
          const listener = this.#listeners.get(to)
          if (listener === undefined || listener.life !== to.life) return from.run(life, () => done(undefined))
          const connection = new Connection<M>(this.#clock, this, from, to)
          this.open.add(connection)
          // The kernel accepts also for a process that stands still.
          to.run(to.life, () => listener.accept(connection.ends[1]))
          from.run(life, () => done(connection.ends[0]))
        })
      })
    }
    attempt(0)
  }

  delay(a: Host, b: Host): number {
    return this.#options.delayMillis(a.name, b.name)
  }

  get bytesPerMilli(): number {
    return this.#options.bytesPerMilli
  }

  isDown(a: Host, b: Host): boolean {
    return (this.#links.get(key(a, b))?.downUntil ?? 0) > this.#clock.now
  }

  /** When something handed over now gets through: TCP's retransmissions come ever later, so after a pause it takes up to as long again. */
  passesAt(a: Host, b: Host): number {
    const link = this.#links.get(key(a, b))
    if (link === undefined || link.downUntil <= this.#clock.now) return this.#clock.now
    return link.downUntil + this.#options.random() * Math.min(30_000, link.downUntil - link.downSince)
  }

  /** Nothing passes, and nobody is told. */
  drop(a: Host, b: Host, millis: number) {
    this.#links.set(key(a, b), { downSince: this.#clock.now, downUntil: this.#clock.now + millis })
  }

  /** Ends the host's life: its connections are reset as soon as the peer can be reached. */
  kill(host: Host) {
    host.life += 1
    this.#listeners.delete(host)
    for (const connection of [...this.open]) connection.hostGone(host)
  }
}

const key = (a: Host, b: Host) => [a.name, b.name].sort().join(" ")
