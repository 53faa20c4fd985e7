import type net from "node:net"
import { reason } from "../core/reasons.ts"
import type { Happening } from "./Endpoint.ts"
import { StreamReset } from "./streamEvents.ts"

export interface LocalSocketListener {
  /** Bytes that the stream takes now. */
  readonly takeable: () => number
  readonly happened: (happening: Happening) => void
  /** The pump has closed: nothing waits in it any more. */
  readonly closed: () => void
}

/** A delivery shorter than this is copied together with its neighbours while the application does not read. */
const smallBytes = 4 * 1024
/** Small deliveries are gathered into pieces of this length. */
const gatherBytes = 16 * 1024

/**
 * The end of the stream inside the process. The application has one socket of a pair, the pump the other: what the stream does not take stays in the
 * kernel and stops the writer, and what the application does not read stays in the pump's queue and renews no credit.
 */
export class LocalSocket {
  readonly application: net.Socket
  readonly #pump: net.Socket
  readonly #listener: LocalSocketListener
  /** Read from the pump and not taken yet: at most one read. */
  #leftover: Buffer | undefined
  /** Small deliveries that wait behind an unfinished write, copied: a peer that sends single bytes must not make us keep an object for each. */
  #gathered: Buffer | undefined
  #gatheredBytes = 0
  #sawEnd = false
  #endTold = false
  #finished = false

  constructor(sockets: readonly [application: net.Socket, pump: net.Socket], listener: LocalSocketListener) {
    const [application, pump] = sockets
    this.application = application
    this.#pump = pump
    this.#listener = listener
    pump.on("data", (bytes: Buffer) => this.#read(bytes))
    pump.on("end", () => {
      this.#sawEnd = true
      this.pull()
    })
    pump.on("error", () => this.#fail())
    pump.on("close", () => {
      // A pump that closed without its end of data was torn down under the stream.
      if (!this.#sawEnd && !this.#finished) this.#fail()
      listener.closed()
    })
    // Reported by 'close'; without a listener a reset stream would end the process.
    application.on("error", () => {})
    application.on("close", () => this.#applicationClosed())
    if (application.destroyed || pump.destroyed) queueMicrotask(() => this.#fail())
  }

  /** Bytes for the application that its socket has not taken. */
  get waitingBytes(): number {
    return this.#pump.destroyed ? 0 : this.#pump.writableLength + this.#gatheredBytes
  }

  /** Bytes read from the application that the stream has not taken. */
  get unreadBytes(): number {
    return (this.#leftover?.byteLength ?? 0) + this.#pump.readableLength
  }

  /** Hands over what the stream takes, and reads on or stops. */
  pull() {
    if (this.#finished) return
    this.#takeLeftover()
    if (this.#leftover !== undefined || this.#listener.takeable() <= 0) {
      if (!this.#pump.isPaused()) this.#pump.pause()
    } else if (this.#pump.isPaused()) this.#pump.resume()
    if (this.#sawEnd && this.#leftover === undefined && !this.#endTold) {
      this.#endTold = true
      this.#listener.happened({ type: "localEnd" })
    }
  }

  deliver(bytes: Uint8Array) {
    if (this.#pump.destroyed) return
    if (bytes.byteLength < smallBytes && this.#pump.writableLength > 0) return this.#gather(bytes)
    this.#flush()
    this.#write(bytes)
  }

  deliverEnd() {
    this.#flush()
    this.#pump.end()
  }

  /** The stream is over. A complete one leaves the application its last bytes and a clean end; any other one an error. */
  finish(complete: boolean, why: string) {
    if (this.#finished) return
    this.#finished = true
    this.#leftover = undefined
    if (!complete) {
      this.#gathered = undefined
      this.#gatheredBytes = 0
      this.application.destroy(new StreamReset(why))
      this.#pump.destroy()
      return
    }
    this.#flush()
    const drop = () => this.#pump.destroy()
    if (this.#pump.writableFinished) drop()
    else {
      this.#pump.once("finish", drop)
      if (!this.#pump.writableEnded) this.#pump.end()
    }
  }

  #write(bytes: Uint8Array) {
    this.#pump.write(bytes, (error) => {
      if (!error && !this.#finished) this.#listener.happened({ type: "delivered", bytes: bytes.byteLength })
      if (!error) this.#flush()
      if (this.#finished) this.#listener.closed()
    })
  }

  #gather(bytes: Uint8Array) {
    if (this.#gatheredBytes + bytes.byteLength > gatherBytes) this.#flush()
    this.#gathered ??= Buffer.allocUnsafeSlow(gatherBytes)
    this.#gathered.set(bytes, this.#gatheredBytes)
    this.#gatheredBytes += bytes.byteLength
  }

  #flush() {
    const gathered = this.#gathered
    if (gathered === undefined || this.#pump.destroyed || this.#pump.writableEnded) return
    const bytes = gathered.subarray(0, this.#gatheredBytes)
    this.#gathered = undefined
    this.#gatheredBytes = 0
    this.#write(bytes)
  }

  #read(bytes: Buffer) {
    if (this.#finished) return
    this.#leftover = this.#leftover === undefined ? bytes : Buffer.concat([this.#leftover, bytes])
    this.pull()
  }

  #takeLeftover() {
    while (this.#leftover !== undefined) {
      const takeable = this.#listener.takeable()
      if (takeable <= 0) return
      const bytes = this.#leftover
      if (bytes.byteLength <= takeable) {
        this.#leftover = undefined
        this.#listener.happened({ type: "local", bytes })
      } else {
        this.#leftover = bytes.subarray(takeable)
        this.#listener.happened({ type: "local", bytes: bytes.subarray(0, takeable) })
      }
    }
  }

  #applicationClosed() {
    if (this.#finished) return
    if (this.application.errored) return this.#fail()
    // TLS on Bun closes the socket under it when the peer's end arrives; its own writing may still go on.
    if (this.#pump.writableEnded) return
    this.#listener.happened({ type: "localGone" })
  }

  #fail() {
    if (!this.#finished) this.#listener.happened({ type: "reset", reason: reason.socketFailed })
  }
}
