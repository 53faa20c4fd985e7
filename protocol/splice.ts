import type { RawData, WebSocket } from "ws"
import { maxFrameBytes } from "./frame.ts"
import { closeCode } from "./names.ts"

/** `maxPayload` for both sides of a carrier: one frame. */
export const carrierMaxPayload = maxFrameBytes
/** Reading from one side stops when more than this waits for the socket of the other. */
export const pauseAboveBytes = 128 * 1024
/** Bun reads a socket in pieces of this length and hands out every message of a piece even after a pause (measured on 1.4.5). */
const runtimeReadBytes = 512 * 1024
/**
 * What one direction can hold at most: a sender that keeps to its 128 KiB stays far below, a full read of the runtime is the worst case.
 * More would mean that pausing does not work, and ends the carrier.
 */
export const spliceHoldBytes = pauseAboveBytes + carrierMaxPayload + runtimeReadBytes
/** The same by number, because a message of one byte costs some 300 in memory: honest senders' small messages are taken at once. */
export const pauseAboveMessages = 1_024
/** Messages that one direction can hold at most: 32 bytes each fill a read of the runtime, and TLS in a frame has no fewer. */
export const spliceHoldMessages = 16 * 1_024
/** A side that does not answer a close within this time is terminated, or a vanished peer would keep the other side. */
const closeAnswerMillis = 5_000

/** Codes that may not be sent (RFC 6455 section 7.4.1) become this one: the other side should resume elsewhere. */
const goingAway = 1001

export interface SpliceEnd {
  readonly code: number
  readonly reason: string
  readonly bytesAToB: number
  readonly bytesBToA: number
}

export interface Splice {
  readonly bytesAToB: number
  readonly bytesBToA: number
  /** Bytes read from one side and not yet taken by the other's socket, both directions. */
  readonly heldBytes: number
  /** Ends both sides with this code; a second call does nothing. */
  close(code: number, reason: string): void
}

interface Side {
  readonly socket: WebSocket
  /** Bytes read from this side. */
  bytes: number
  /** Of these, not yet taken by the other side's socket. */
  held: number
  heldMessages: number
}

/** Whether an endpoint may send the code in a close frame (RFC 6455 section 7.4, IANA registry). */
const sendable = (code: number) =>
  (code >= 3000 && code <= 4999) || (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code))

const isFull = ({ held, heldMessages }: Side) => held > pauseAboveBytes || heldMessages > pauseAboveMessages

const bytesOf = (data: RawData): Uint8Array | undefined =>
  data instanceof Uint8Array ? data : data instanceof ArrayBuffer ? new Uint8Array(data) : undefined

/**
 * Joins two open WebSockets: every binary message of one goes to the other, unread, in order, with bounded memory and back pressure.
 * The close code and reason of either side reach the other; a side lost without a close frame closes the other with 1001.
 * A text message ends both with 4008. `onEnd` is called exactly once.
 */
export const splice = (
  a: WebSocket,
  b: WebSocket,
  { onEnd }: { readonly onEnd?: (end: SpliceEnd) => void } = {},
): Splice => {
  const sideA: Side = { socket: a, bytes: 0, held: 0, heldMessages: 0 }
  const sideB: Side = { socket: b, bytes: 0, held: 0, heldMessages: 0 }
  let ended = false

  const closeSide = (socket: WebSocket, code: number, reason: string) => {
    if (socket.readyState === socket.CLOSED) return
    // A paused socket never reads the answer to its close.
    if (socket.isPaused) socket.resume()
    const deadline = setTimeout(() => socket.terminate(), closeAnswerMillis)
    deadline.unref()
    socket.once("close", () => clearTimeout(deadline))
    if (socket.readyState === socket.OPEN) socket.close(code, reason)
  }

  const end = (code: number, reason: string) => {
    if (ended) return
    ended = true
    const sent = sendable(code) ? code : goingAway
    const text = Buffer.byteLength(reason) <= 123 ? reason : "reason-too-long"
    closeSide(a, sent, text)
    closeSide(b, sent, text)
    onEnd?.({ code, reason: text, bytesAToB: sideA.bytes, bytesBToA: sideB.bytes })
  }

  const join = (from: Side, to: Side) => {
    from.socket.on("message", (data: RawData, isBinary: boolean) => {
      if (ended) return
      if (!isBinary) return end(closeCode.protocolError, "text-message")
      const message = bytesOf(data)
      if (message === undefined) return end(closeCode.protocolError, "fragments")
      const length = message.byteLength
      if (from.held + length > spliceHoldBytes || from.heldMessages >= spliceHoldMessages)
        return end(goingAway, "splice-overflow")
      from.bytes += length
      from.held += length
      from.heldMessages += 1
      if (isFull(from) && !from.socket.isPaused) from.socket.pause()
      to.socket.send(message, (error) => {
        from.held -= length
        from.heldMessages -= 1
        if (error) return end(goingAway, "carrier-lost")
        if (!isFull(from) && from.socket.isPaused) from.socket.resume()
      })
    })
    from.socket.on("close", (code: number, reason: Buffer) => end(code, reason.toString()))
    // 'close' follows with 1006 and ends the splice; without a listener the process would die.
    from.socket.on("error", () => {})
  }

  join(sideA, sideB)
  join(sideB, sideA)
  if (a.readyState > a.OPEN || b.readyState > b.OPEN) end(goingAway, "carrier-lost")

  return {
    get bytesAToB() {
      return sideA.bytes
    },
    get bytesBToA() {
      return sideB.bytes
    },
    get heldBytes() {
      return sideA.held + sideB.held
    },
    close: end,
  }
}
