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

/** One end of a connection. Set the callbacks right after it was made. */
export interface End<M> {
  send(message: M, bytes: number): void
  /** What was sent before still arrives. */
  close(code: number): void
  /** Without a word; the peer learns of it. */
  cut(): void
  readonly unflushedBytes: number
  readonly isOpen: boolean
  onMessage: (message: M) => void
  /** Exactly once, unless this end closed. */
  onClose: (code: number) => void
  onFlushed: () => void
}

const abnormalClosure = 1006
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

export class Connection<M> {
  readonly hosts: readonly [Host, Host]
  readonly ends: readonly [End<M>, End<M>]
  readonly #clock: VirtualClock
  readonly #network: Network<M>
  readonly #lives: readonly [number, number]
  readonly #busyUntil: [number, number] = [0, 0]
  readonly #arrivedUntil: [number, number] = [0, 0]
  /** This side has closed, was told of the end, or is gone. */
  readonly #over: [boolean, boolean] = [false, false]

  constructor(clock: VirtualClock, network: Network<M>, a: Host, b: Host) {
    this.#clock = clock
    this.#network = network
    this.hosts = [a, b]
    this.#lives = [a.life, b.life]
    this.ends = [this.#end(0), this.#end(1)]
  }

  hostGone(host: Host) {
    for (const side of [0, 1] as const) if (this.hosts[side] === host && !this.#over[side]) this.#cut(side)
  }

  /** Something between the two resets it: both are told at once. */
  reset() {
    for (const side of [0, 1] as const)
      this.hosts[side].run(this.#lives[side], () => this.#tell(side, this.ends[side], abnormalClosure))
  }

  #end(side: 0 | 1): End<M> {
    const connection = this
    let unflushed = 0
    const end: End<M> = {
      get unflushedBytes() {
        return unflushed
      },
      get isOpen() {
        return !connection.#over[side]
      },
      onMessage: () => {},
      onClose: () => {},
      onFlushed: () => {},
      send(message, bytes) {
        if (connection.#over[side]) return
        unflushed += bytes
        const flushed = () => {
          unflushed -= bytes
          if (!connection.#over[side]) end.onFlushed()
        }
        connection.#carry(side, bytes, flushed, (peer) => peer.onMessage(message))
      },
      close(code) {
        if (connection.#over[side]) return
        connection.#over[side] = true
        connection.#carry(
          side,
          4,
          () => {},
          (peer) => connection.#tell(side === 0 ? 1 : 0, peer, code),
        )
      },
      cut: () => connection.#cut(side),
    }
    return end
  }

  #cut(side: 0 | 1) {
    if (this.#over[side]) return
    this.#over[side] = true
    const other = side === 0 ? 1 : 0
    this.#carry(
      side,
      0,
      () => {},
      (peer) => this.#tell(other, peer, abnormalClosure),
    )
  }

  #tell(side: 0 | 1, end: End<M>, code: number) {
    this.#network.open.delete(this)
    if (this.#over[side]) return
    this.#over[side] = true
    end.onClose(code)
  }

  #carry(side: 0 | 1, bytes: number, flushed: () => void, arrive: (peer: End<M>) => void) {
    const other = side === 0 ? 1 : 0
    const [from, to] = [this.hosts[side], this.hosts[other]]
    const departs =
      Math.max(this.#network.passesAt(from, to), this.#busyUntil[side]) + bytes / this.#network.bytesPerMilli
    this.#busyUntil[side] = departs
    const arrives = Math.max(departs + this.#network.delay(from, to), this.#arrivedUntil[side])
    this.#arrivedUntil[side] = arrives
    this.#clock.after(departs - this.#clock.now, () => from.run(this.#lives[side], flushed))
    this.#clock.after(arrives - this.#clock.now, () =>
      to.run(this.#lives[other], () => {
        // A close is told also to a side that has closed itself meanwhile, so that the connection is forgotten.
        arrive(this.#over[other] ? deaf<M>() : this.ends[other])
      }),
    )
  }
}

const deaf = <M>(): End<M> => ({
  send: () => {},
  close: () => {},
  cut: () => {},
  unflushedBytes: 0,
  isOpen: false,
  onMessage: () => {},
  onClose: () => {},
  onFlushed: () => {},
})
