import {
  ackedEnds,
  checkGeneration,
  dataHeaderBytes,
  type Frame,
  maxFrameBytes,
  maxInstanceBytes,
  maxOffset,
  maxReasonBytes,
  type OpeningFrame,
  openingBytes,
  printable,
  refuse,
  typeOf,
} from "./frame.ts"

const utf8 = new TextDecoder("utf-8", { fatal: true })

const getOffset = (from: DataView, at: number, field: string): number => {
  const value = from.getUint32(at) * 2 ** 32 + from.getUint32(at + 4)
  // Just above 2^53 the sum rounds to 2^53 itself, so the halves decide.
  if (value > maxOffset || (value === maxOffset && from.getUint32(at + 4) !== 0)) refuse(`${field}: above 2^53`)
  return value
}

const getText = (message: Uint8Array, at: number, limit: number, field: string): string => {
  const length = message.byteLength - at
  if (length < 1 || length > limit) refuse(`${field}: ${length} bytes, expected 1..${limit}`)
  let text = ""
  try {
    text = utf8.decode(message.subarray(at))
  } catch {
    refuse(`${field}: not UTF-8`)
  }
  if (!printable.test(text)) refuse(`${field}: not printable ASCII`)
  return text
}

const exactly = (message: Uint8Array, length: number, type: string) => {
  if (message.byteLength !== length) refuse(`${type}: ${message.byteLength} bytes, expected ${length}`)
}

/**
 * The frame in a message. A data payload shares the message's memory.
 * @throws {FrameMalformed} for everything that is not exactly one well-formed frame
 */
export const decodeFrame = (message: Uint8Array): Frame => {
  if (message.byteLength < 1) refuse("empty message")
  if (message.byteLength > maxFrameBytes) refuse(`message: ${message.byteLength} bytes, at most ${maxFrameBytes}`)
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  switch (message[0]) {
    case typeOf.data: {
      if (message.byteLength <= dataHeaderBytes) refuse("data: empty payload")
      const offset = getOffset(view, 1, "offset")
      // Compared by difference: 2^53 + 1 rounds to 2^53.
      if (offset > maxOffset - (message.byteLength - dataHeaderBytes)) refuse("data: the payload ends above 2^53")
      return { type: "data", offset, payload: message.subarray(dataHeaderBytes) }
    }
    case typeOf.ack: {
      exactly(message, 10, "ack")
      const end = ackedEnds[message[9]!] ?? refuse("ack: unknown end")
      return { type: "ack", receivedOffset: getOffset(view, 1, "receivedOffset"), end }
    }
    case typeOf.credit:
      exactly(message, 9, "credit")
      return { type: "credit", limit: getOffset(view, 1, "limit") }
    case typeOf.open:
      return decodeOpening("open", message, view)
    case typeOf.resume:
      return decodeOpening("resume", message, view)
    case typeOf.accepted: {
      if (message.byteLength < 18) refuse("accepted: too short")
      const instance = getText(message, 17, maxInstanceBytes, "instance")
      return {
        type: "accepted",
        receivedOffset: getOffset(view, 1, "receivedOffset"),
        creditLimit: getOffset(view, 9, "creditLimit"),
        instance,
      }
    }
    case typeOf.fin:
      exactly(message, 9, "fin")
      return { type: "fin", offset: getOffset(view, 1, "offset") }
    case typeOf.reset:
      if (message.byteLength < 10) refuse("reset: too short")
      return {
        type: "reset",
        offset: getOffset(view, 1, "offset"),
        reason: getText(message, 9, maxReasonBytes, "reason"),
      }
    case typeOf.ping:
    case typeOf.pong:
      exactly(message, 5, "ping")
      return { type: message[0] === typeOf.ping ? "ping" : "pong", id: view.getUint32(1) }
    case typeOf.drain:
      exactly(message, 1, "drain")
      return { type: "drain" }
    default:
      return refuse(`unknown frame type ${message[0]}`)
  }
}

const decodeOpening = (type: "open" | "resume", message: Uint8Array, view: DataView): OpeningFrame => {
  exactly(message, openingBytes, type)
  const generation = view.getUint32(49)
  checkGeneration(type, generation)
  return {
    type,
    // Copies: they outlive the message.
    streamId: message.slice(1, 17),
    resumeSecret: message.slice(17, 49),
    generation,
    receivedOffset: getOffset(view, 53, "receivedOffset"),
    creditLimit: getOffset(view, 61, "creditLimit"),
  }
}
