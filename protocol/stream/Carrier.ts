import type { RawData, WebSocket } from "ws"
import { decodeFrame } from "../decodeFrame.ts"
import { type Frame, FrameMalformed } from "../frame.ts"

/** A close that the peer does not answer within this time becomes a terminate. */
const closeAnswerMillis = 5_000
/** What a WebSocket without a close frame reports (RFC 6455 section 7.1.5). */
const abnormalClosure = 1006

export interface CarrierListener {
  readonly frame: (frame: Frame, carrier: Carrier) => void
  readonly malformed: (carrier: Carrier) => void
  /** Bytes handed over have left to the socket. */
  readonly flushed: (carrier: Carrier) => void
  /** Exactly once, unless this end closed the carrier itself. */
  readonly lost: (code: number, reason: string, carrier: Carrier) => void
}

/** One WebSocket as a stream sees it: whole frames in, whole messages out, and a count of what is not flushed yet. */
export class Carrier {
  /** 0 until the opening frame said it (server). */
  generation: number
  readonly #socket: WebSocket
  #listener: CarrierListener
  #unflushedBytes = 0
  #over = false
  #parked: (() => void)[] | undefined

  constructor(socket: WebSocket, generation: number, listener: CarrierListener) {
    this.#socket = socket
    this.generation = generation
    this.#listener = listener
    socket.on("message", (data: RawData, isBinary: boolean) => {
      if (!this.#over) this.#receive(data, isBinary)
    })
    socket.on("close", (code: number, reason: Buffer) => this.#lose(code, reason.toString()))
    // 'close' follows with 1006 and carries the loss; without a listener the process would die.
    socket.on("error", () => {})
    if (socket.readyState > socket.OPEN) queueMicrotask(() => this.#lose(abnormalClosure, ""))
  }

  /** Stops reading until `handOver`. What was read already waits: at most one read of the socket, 512 KiB on Bun. */
  park() {
    this.#parked = []
    this.#socket.pause()
  }

  /** From now on another one listens: the stream that the opening frame named. It hears what came while parked. */
  handOver(generation: number, listener: CarrierListener) {
    this.generation = generation
    this.#listener = listener
    const parked = this.#parked
    if (parked === undefined) return
    this.#parked = undefined
    for (const happening of parked) happening()
    this.#socket.resume()
  }

  get unflushedBytes(): number {
    return this.#unflushedBytes
  }

  send(message: Uint8Array) {
    if (this.#over) return
    const length = message.byteLength
    this.#unflushedBytes += length
    this.#socket.send(message, (error) => {
      this.#unflushedBytes -= length
      if (this.#over) return
      if (error) return this.#lose(abnormalClosure, "")
      this.#listener.flushed(this)
    })
  }

  /** Sends what was handed over, then the close. Nothing is reported any more. */
  close(code: number, reason: string) {
    if (this.#over) return
    this.#over = true
    const socket = this.#socket
    if (socket.readyState === socket.CLOSED) return
    // A paused socket never reads the answer to its close.
    if (socket.isPaused) socket.resume()
    const deadline = setTimeout(() => socket.terminate(), closeAnswerMillis)
    deadline.unref()
    socket.once("close", () => clearTimeout(deadline))
    socket.close(code, reason)
  }

  #receive(data: RawData, isBinary: boolean) {
    if (this.#parked !== undefined) return void this.#parked.push(() => this.#receive(data, isBinary))
    if (this.#over) return
    let frame: Frame
    try {
      if (!isBinary || !(data instanceof Uint8Array)) throw new FrameMalformed("not a binary message")
      frame = decodeFrame(data)
    } catch (error) {
      if (!(error instanceof FrameMalformed)) throw error
      return this.#listener.malformed(this)
    }
    this.#listener.frame(frame, this)
  }

  #lose(code: number, reason: string) {
    if (this.#over) return
    if (this.#parked !== undefined) return void this.#parked.push(() => this.#lose(code, reason))
    this.#over = true
    if (this.#socket.readyState !== this.#socket.CLOSED) this.#socket.terminate()
    this.#listener.lost(code, reason, this)
  }
}
