/** The frames of a carrier and their bounds. One WebSocket message is one frame; the layout is in docs/streams.md. */

/** Payload of one data frame. Splices accept messages no longer than {@link maxFrameBytes}. */
export const maxPayloadBytes = 64 * 1024
/** Offsets are exact integers in a double up to here: 9 PB in one stream. */
export const maxOffset = 2 ** 53
export const streamIdBytes = 16
export const resumeSecretBytes = 32
export const maxGeneration = 2 ** 32 - 1
/** `host:port#nonce`: a DNS name has at most 253 characters, a port 5, a nonce 43; the rest is room. */
export const maxInstanceBytes = 320
/** Reasons are short words for logs and metrics, never prose. */
export const maxReasonBytes = 128

export const dataHeaderBytes = 9
export const maxFrameBytes = dataHeaderBytes + maxPayloadBytes

/** First byte of the message. */
export const typeOf = {
  open: 1,
  resume: 2,
  accepted: 3,
  data: 4,
  ack: 5,
  credit: 6,
  fin: 7,
  reset: 8,
  ping: 9,
  pong: 10,
  drain: 11,
} as const

export const openingBytes = 1 + streamIdBytes + resumeSecretBytes + 4 + 8 + 8

/** What an ack confirms besides bytes. */
export type AckedEnd = "none" | "fin" | "reset"
/** By their byte on the wire. */
export const ackedEnds: readonly AckedEnd[] = ["none", "fin", "reset"]

export interface OpeningFrame {
  readonly type: "open" | "resume"
  readonly streamId: Uint8Array
  readonly resumeSecret: Uint8Array
  /** 1 in `open`, higher in every `resume`. */
  readonly generation: number
  /** Bytes of the peer's sequence that the sender of this frame has. */
  readonly receivedOffset: number
  /** Absolute: the peer may send up to this offset. */
  readonly creditLimit: number
}

/** A data frame about to be encoded: its payload may lie in several pieces. */
export interface OutgoingData {
  readonly type: "data"
  readonly offset: number
  readonly length: number
  readonly pieces: readonly Uint8Array[]
}

export type ControlFrame =
  | OpeningFrame
  | {
      readonly type: "accepted"
      readonly receivedOffset: number
      readonly creditLimit: number
      readonly instance: string
    }
  | { readonly type: "ack"; readonly receivedOffset: number; readonly end: AckedEnd }
  | { readonly type: "credit"; readonly limit: number }
  | { readonly type: "fin"; readonly offset: number }
  | { readonly type: "reset"; readonly offset: number; readonly reason: string }
  | { readonly type: "ping" | "pong"; readonly id: number }
  | { readonly type: "drain" }

export type Frame = ControlFrame | { readonly type: "data"; readonly offset: number; readonly payload: Uint8Array }

/** A message that is no frame of this version. `message` names the field and the bound, never the content. */
export class FrameMalformed extends Error {
  readonly _tag = "FrameMalformed"
  override readonly name = "FrameMalformed"
}

/** Printable ASCII: both texts end up in logs, metrics and headers. */
export const printable = /^[\x21-\x7e]+$/

/** @throws {FrameMalformed} always */
export const refuse = (what: string): never => {
  throw new FrameMalformed(what)
}

/** `open` begins with 1; everything later is a resume. */
export const checkGeneration = (type: "open" | "resume", generation: number) => {
  if (type === "open" ? generation !== 1 : generation < 2)
    refuse(`generation: ${generation} in ${type}, expected ${type === "open" ? "1" : "2 or more"}`)
}
