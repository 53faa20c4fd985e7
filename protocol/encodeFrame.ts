import {
  ackedEnds,
  type ControlFrame,
  checkGeneration,
  dataHeaderBytes,
  maxGeneration,
  maxInstanceBytes,
  maxOffset,
  maxPayloadBytes,
  maxReasonBytes,
  type OpeningFrame,
  type OutgoingData,
  openingBytes,
  printable,
  refuse,
  resumeSecretBytes,
  streamIdBytes,
  typeOf,
} from "./frame.ts"

const putOffset = (into: DataView, at: number, value: number, field: string) => {
  if (!Number.isInteger(value) || value < 0 || value > maxOffset) refuse(`${field}: expected an integer in 0..2^53`)
  into.setUint32(at, Math.floor(value / 2 ** 32))
  into.setUint32(at + 4, value % 2 ** 32)
}

const putUint32 = (into: DataView, at: number, value: number, field: string) => {
  if (!Number.isInteger(value) || value < 0 || value > maxGeneration)
    refuse(`${field}: expected an unsigned 32-bit integer`)
  into.setUint32(at, value)
}

const textBytes = (text: string, limit: number, field: string): Uint8Array => {
  if (!printable.test(text) || text.length > limit) refuse(`${field}: expected 1..${limit} printable ASCII characters`)
  return Buffer.from(text, "latin1")
}

const allocate = (length: number, type: keyof typeof typeOf): [Uint8Array, DataView] => {
  const bytes = new Uint8Array(length)
  bytes[0] = typeOf[type]
  return [bytes, new DataView(bytes.buffer)]
}

const encodeOpening = (frame: OpeningFrame): Uint8Array => {
  if (frame.streamId.byteLength !== streamIdBytes) refuse(`streamId: expected ${streamIdBytes} bytes`)
  if (frame.resumeSecret.byteLength !== resumeSecretBytes) refuse(`resumeSecret: expected ${resumeSecretBytes} bytes`)
  checkGeneration(frame.type, frame.generation)
  const [bytes, view] = allocate(openingBytes, frame.type)
  bytes.set(frame.streamId, 1)
  bytes.set(frame.resumeSecret, 17)
  putUint32(view, 49, frame.generation, "generation")
  putOffset(view, 53, frame.receivedOffset, "receivedOffset")
  putOffset(view, 61, frame.creditLimit, "creditLimit")
  return bytes
}

/**
 * The message of a frame. A data frame is written into `memory` if that is given ({@link maxFrameBytes} long): a fresh piece of memory for each
 * costs an eighth of a stream's CPU.
 * @throws {FrameMalformed} when a field is out of bounds: nothing that `decodeFrame` would refuse is ever sent
 */
export const encodeFrame = (frame: ControlFrame | OutgoingData, memory?: Buffer): Uint8Array => {
  switch (frame.type) {
    case "data":
      return encodeData(frame, memory)
    case "open":
    case "resume":
      return encodeOpening(frame)
    case "accepted": {
      const instance = textBytes(frame.instance, maxInstanceBytes, "instance")
      const [bytes, view] = allocate(17 + instance.byteLength, "accepted")
      putOffset(view, 1, frame.receivedOffset, "receivedOffset")
      putOffset(view, 9, frame.creditLimit, "creditLimit")
      bytes.set(instance, 17)
      return bytes
    }
    case "ack": {
      const [bytes, view] = allocate(10, "ack")
      putOffset(view, 1, frame.receivedOffset, "receivedOffset")
      bytes[9] = ackedEnds.indexOf(frame.end)
      return bytes
    }
    case "credit":
    case "fin": {
      const [bytes, view] = allocate(9, frame.type)
      putOffset(view, 1, frame.type === "fin" ? frame.offset : frame.limit, frame.type)
      return bytes
    }
    case "reset": {
      const reason = textBytes(frame.reason, maxReasonBytes, "reason")
      const [bytes, view] = allocate(9 + reason.byteLength, "reset")
      putOffset(view, 1, frame.offset, "offset")
      bytes.set(reason, 9)
      return bytes
    }
    case "ping":
    case "pong": {
      const [bytes, view] = allocate(5, frame.type)
      putUint32(view, 1, frame.id, "id")
      return bytes
    }
    case "drain":
      return allocate(1, "drain")[0]
  }
}

const encodeData = (frame: OutgoingData, memory: Buffer | undefined): Uint8Array => {
  if (frame.length < 1 || frame.length > maxPayloadBytes)
    refuse(`payload: ${frame.length} bytes, expected 1..${maxPayloadBytes}`)
  if (frame.offset > maxOffset - frame.length) refuse("offset: the payload ends above 2^53")
  // Every byte is written below, so the zeroes of a fresh array would be work for nothing.
  const length = dataHeaderBytes + frame.length
  const bytes = memory?.subarray(0, length) ?? Buffer.allocUnsafeSlow(length)
  bytes[0] = typeOf.data
  bytes.writeUInt32BE(Math.floor(frame.offset / 2 ** 32), 1)
  bytes.writeUInt32BE(frame.offset % 2 ** 32, 5)
  let at = dataHeaderBytes
  for (const piece of frame.pieces) {
    bytes.set(piece, at)
    at += piece.byteLength
  }
  if (at !== bytes.byteLength) refuse("payload: length and pieces differ")
  return bytes
}
