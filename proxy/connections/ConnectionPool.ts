import { NotAuthenticated, PathBroken, type PathFailure, proxyClosing, RefusedByPolicy } from "../failures.ts"
import { Opener } from "./Opener.ts"
import { type PoolClock, systemClock } from "./PoolClock.ts"
import {
  attachWithinMillis,
  type ConnectionView,
  idleMillis,
  keepAliveMillis,
  maxConnections,
  provenLive,
  provenWithinMillis,
  provingMillis,
  toOpen,
  usable,
} from "./poolRules.ts"

/** What the pool needs of a connection. */
export interface PooledConnection extends ConnectionView {
  readonly finalFailure: PathFailure | undefined
  /** The last measured round trip to the auth proxy and back, once there is one. */
  readonly pathMillis: number | undefined
  probe(): Promise<void>
  setInUse(inUse: boolean): void
  onSuspended(listener: () => void): () => void
  onDraining(listener: () => void): void
  onClosed(listener: () => void): void
  destroy(why: string): void
}

/** `proven`: for what must not run twice, only a connection that answered within the last 2 s. */
export type Need = "attached" | "proven"

interface Waiter {
  readonly offer: () => void
  readonly fail: (failure: PathFailure) => void
}

/** Kept-ready connections to one cluster. Each carries one request at a time; the last used is used first. */
export class ConnectionPool<C extends PooledConnection> {
  readonly #cluster: string
  readonly #opener: Opener<C>
  readonly #clock: PoolClock
  #idle: C[] = []
  readonly #busy = new Set<C>()
  readonly #waiters = new Set<Waiter>()
  #usedAt = Number.NEGATIVE_INFINITY
  #cancelTick: (() => void) | undefined
  #closed = false

  constructor(cluster: string, open: () => Promise<C>, clock: PoolClock = systemClock) {
    this.#cluster = cluster
    this.#clock = clock
    this.#opener = new Opener(open, clock, {
      opened: (connection) => this.#add(connection),
      failed: (failure) => this.#failed(failure),
      rested: () => {
        if (this.#waiters.size > 0) this.#replenish()
      },
    })
  }

  get counts() {
    const quietMillis = this.#clock.now() - this.#usedAt
    return {
      busy: this.#busy.size,
      idle: this.#idle.length,
      opening: this.#opener.opening,
      waiting: this.#waiters.size,
      quietMillis,
    }
  }

  /** Whether a connection has a path to the cluster now, or at least one waits for its path to come back; else none is open. */
  get path(): "attached" | "suspended" | "none" {
    if (this.#idle.length + this.#busy.size === 0) return "none"
    return [...this.#idle, ...this.#busy].some(({ attached }) => attached) ? "attached" : "suspended"
  }

  /**
   * A connection that is attached now, for the caller alone until {@link release}. Waits for one at most 8 s.
   * @throws {PathFailure} of the last attempt, or the signal's reason
   */
  async acquire(need: Need, signal: AbortSignal, withinMillis: number = attachWithinMillis): Promise<C> {
    this.#usedAt = this.#clock.now()
    this.#tick()
    if (this.#waiters.size === 0) this.#opener.forgetFailure()
    const deadline = this.#clock.now() + withinMillis
    for (let tries = 0; ; tries += 1) {
      signal.throwIfAborted()
      if (tries > 0 && this.#clock.now() >= deadline) throw this.#opener.lastFailure ?? this.#noConnection(withinMillis)
      const connection = this.#take() ?? (await this.#wait(deadline, withinMillis, signal))
      if (connection === undefined) continue
      if (need === "attached" || provenLive(connection, this.#clock.now())) return connection
      const asked = this.#clock.now()
      const patience = Math.min(provingMillis(connection), Math.max(deadline - asked, provenWithinMillis))
      if (await this.#proven(connection, patience)) {
        if (!signal.aborted) return connection
        this.release(connection)
        throw signal.reason
      }
      this.#dropSilentSince(asked)
      this.discard(connection, "unproven")
    }
  }

  /** Gives a connection back after a whole exchange. */
  release(connection: C): void {
    if (!this.#busy.delete(connection)) return
    this.#usedAt = this.#clock.now()
    if (this.#closed || !usable(connection, this.#clock.now())) {
      this.#drop(connection, "released")
      this.#replenish()
      return
    }
    connection.setInUse(false)
    this.#idle.push(connection)
    this.#offer()
    // Said while it was being opened, before anybody listened.
    if (connection.draining) this.#leave(connection, "draining")
  }

  /** Ends a connection whose state is unknown, or that served its one purpose. */
  discard(connection: C, why: string): void {
    this.#busy.delete(connection)
    this.#usedAt = this.#clock.now()
    this.#drop(connection, why)
    this.#replenish()
  }

  close(): void {
    this.#closed = true
    this.#opener.stop()
    this.#cancelTick?.()
    const failure = proxyClosing()
    for (const waiter of [...this.#waiters]) waiter.fail(failure)
    for (const connection of [...this.#idle, ...this.#busy]) this.#drop(connection, "proxy-closing")
    this.#idle = []
    this.#busy.clear()
  }

  #take(): C | undefined {
    const now = this.#clock.now()
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (usable(connection, now)) return this.#lease(connection)
      this.#drop(connection, "stale")
    }
    return undefined
  }

  #lease(connection: C): C {
    this.#busy.add(connection)
    connection.setInUse(true)
    this.#replenish()
    return connection
  }

  /** Undefined when one may have become idle: look again. */
  #wait(deadline: number, withinMillis: number, signal: AbortSignal): Promise<undefined> {
    return new Promise((resolve, reject) => {
      const settle = (body: () => void) => {
        this.#waiters.delete(waiter)
        cancel()
        signal.removeEventListener("abort", onAbort)
        body()
      }
      const waiter: Waiter = {
        offer: () => settle(() => resolve(undefined)),
        fail: (failure) => settle(() => reject(failure)),
      }
      const onAbort = () => settle(() => reject(signal.reason))
      const left = Math.max(deadline - this.#clock.now(), 0)
      const cancel = this.#clock.after(left, () =>
        waiter.fail(this.#opener.lastFailure ?? this.#noConnection(withinMillis)),
      )
      signal.addEventListener("abort", onAbort, { once: true })
      this.#waiters.add(waiter)
      this.#replenish()
    })
  }

  /** What failed one connection has most likely failed the others; asking one after the other would take 2 s each. */
  #dropSilentSince(millis: number): void {
    const silent = this.#idle.filter(({ lastHeardMillis }) => lastHeardMillis < millis)
    this.#idle = this.#idle.filter((connection) => !silent.includes(connection))
    for (const connection of silent) this.#drop(connection, "silent")
  }

  #noConnection(withinMillis: number): PathFailure {
    if (this.#busy.size >= maxConnections)
      return new PathBroken({
        hop: "proxy",
        cause: "TooManyConnections",
        detail: `${maxConnections} requests to cluster ${this.#cluster} are open already: end some`,
      })
    return new PathBroken({
      hop: "relay",
      cause: "NoAnswer",
      detail: `no connection to cluster ${this.#cluster} came about within ${Math.ceil(withinMillis / 1000)} s`,
    })
  }

  async #proven(connection: C, withinMillis: number): Promise<boolean> {
    const answered = Promise.withResolvers<boolean>()
    const cancel = this.#clock.after(withinMillis, () => answered.resolve(false))
    connection.probe().then(
      () => answered.resolve(true),
      () => answered.resolve(false),
    )
    return await answered.promise.finally(cancel)
  }

  #offer(): void {
    const [first] = this.#waiters
    first?.offer()
  }

  #replenish(): void {
    if (this.#closed || this.#opener.resting) return
    for (let missing = toOpen(this.counts); missing > 0; missing -= 1) this.#opener.openOne()
  }

  #add(connection: C): void {
    if (this.#closed) {
      connection.destroy("proxy-closing")
      return
    }
    connection.onSuspended(() => this.#leave(connection, "suspended"))
    // An auth proxy that shuts down waits for the idle ones too.
    connection.onDraining(() => this.#leave(connection, "draining"))
    connection.onClosed(() => this.#leave(connection, "closed"))
    connection.setInUse(false)
    this.#idle.push(connection)
    this.#offer()
    // Said while it was being opened, before anybody listened.
    if (connection.draining) this.#leave(connection, "draining")
  }

  /** An idle connection that lost its carrier is worth no resume; one in use decides by its request. */
  #leave(connection: C, why: string): void {
    const at = this.#idle.indexOf(connection)
    if (at < 0) return
    this.#idle.splice(at, 1)
    this.#drop(connection, why)
    this.#replenish()
  }

  #failed(failure: PathFailure): void {
    // What a later attempt cannot change, nobody should wait for.
    if (failure instanceof NotAuthenticated || failure instanceof RefusedByPolicy)
      for (const waiter of [...this.#waiters]) waiter.fail(failure)
  }

  #drop(connection: C, why: string): void {
    connection.destroy(why)
  }

  /** While the pool is in use, keeps its idle connections proven; closes them when it no longer is. */
  #tick(): void {
    if (this.#cancelTick !== undefined || this.#closed) return
    this.#cancelTick = this.#clock.after(keepAliveMillis, () => {
      this.#cancelTick = undefined
      const { busy, waiting, quietMillis } = this.counts
      if (busy === 0 && waiting === 0 && quietMillis >= idleMillis) return this.#closeIdle()
      for (const connection of this.#idle) connection.probe().catch(() => {})
      this.#tick()
    })
  }

  #closeIdle(): void {
    const idle = this.#idle
    this.#idle = []
    for (const connection of idle) this.#drop(connection, "idle")
  }
}
