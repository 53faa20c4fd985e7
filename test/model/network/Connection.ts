import type { Host } from "./Host.ts"
import type { Network } from "./Network.ts"
import type { VirtualClock } from "./VirtualClock.ts"

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
