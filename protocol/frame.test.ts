import { expect, test } from "bun:test"
import fc from "fast-check"
import { decodeFrame } from "./decodeFrame.ts"
import { encodeFrame } from "./encodeFrame.ts"
import { type ControlFrame, FrameMalformed, maxFrameBytes, maxOffset, maxPayloadBytes } from "./frame.ts"

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"))
const id = new Uint8Array(16).map((_, index) => index)
const secret = new Uint8Array(32).map((_, index) => 0xff - index)
const idHex = Buffer.from(id).toString("hex")
const secretHex = Buffer.from(secret).toString("hex")

const vectors: readonly [string, ControlFrame, string][] = [
  [
    "open",
    { type: "open", streamId: id, resumeSecret: secret, generation: 1, receivedOffset: 0, creditLimit: 262_144 },
    `01 ${idHex} ${secretHex} 00000001 0000000000000000 0000000000040000`,
  ],
  [
    "resume",
    {
      type: "resume",
      streamId: id,
      resumeSecret: secret,
      generation: 2 ** 32 - 1,
      receivedOffset: 2 ** 32 + 1,
      creditLimit: maxOffset,
    },
    `02 ${idHex} ${secretHex} ffffffff 0000000100000001 0020000000000000`,
  ],
  [
    "accepted",
    { type: "accepted", receivedOffset: 5, creditLimit: 16_384, instance: "10.0.0.1:8444#x" },
    "03 0000000000000005 0000000000004000 31302e302e302e313a383434342378",
  ],
  ["ack", { type: "ack", receivedOffset: 65_536, end: "none" }, "05 0000000000010000 00"],
  ["ack of a fin", { type: "ack", receivedOffset: 1, end: "fin" }, "05 0000000000000001 01"],
  ["ack of a reset", { type: "ack", receivedOffset: 0, end: "reset" }, "05 0000000000000000 02"],
  ["credit", { type: "credit", limit: 8_388_608 }, "06 0000000000800000"],
  ["fin", { type: "fin", offset: maxOffset }, "07 0020000000000000"],
  ["reset", { type: "reset", offset: 7, reason: "unknown" }, "08 0000000000000007 756e6b6e6f776e"],
  ["ping", { type: "ping", id: 1 }, "09 00000001"],
  ["pong", { type: "pong", id: 2 ** 32 - 1 }, "0a ffffffff"],
  ["drain", { type: "drain" }, "0b"],
]

for (const [name, frame, wire] of vectors)
  test(`the ${name} frame has exactly these bytes`, () => {
    expect(Buffer.from(encodeFrame(frame)).toString("hex")).toBe(Buffer.from(hex(wire)).toString("hex"))
    expect(decodeFrame(hex(wire))).toEqual(frame)
  })

test("a data frame gathers its pieces, and its payload is a view into the message", () => {
  const message = encodeFrame({ type: "data", offset: 2 ** 40, length: 3, pieces: [hex("0a"), hex("0b0c")] })
  expect(Buffer.from(message).toString("hex")).toBe("0400000100000000000a0b0c")
  const frame = decodeFrame(message)
  expect(frame).toEqual({ type: "data", offset: 2 ** 40, payload: Buffer.from([10, 11, 12]) })
  if (frame.type === "data") expect(frame.payload.buffer).toBe(message.buffer)
})

const malformed: readonly [string, Uint8Array][] = [
  ["an empty message", new Uint8Array(0)],
  ["type 0", hex("00")],
  ["an unknown type", hex("0c")],
  ["type 255", hex("ff")],
  ["an open that is a byte short", hex(vectors[0]![2]).subarray(0, 68)],
  ["an open that is a byte long", new Uint8Array([...hex(vectors[0]![2]), 0])],
  ["an open of generation 2", hex(`01 ${idHex} ${secretHex} 00000002 0000000000000000 0000000000040000`)],
  ["an open of generation 0", hex(`01 ${idHex} ${secretHex} 00000000 0000000000000000 0000000000040000`)],
  ["a resume of generation 1", hex(`02 ${idHex} ${secretHex} 00000001 0000000000000000 0000000000040000`)],
  ["an accepted without an instance", hex("03 0000000000000005 0000000000004000")],
  [
    "an accepted whose instance is too long",
    new Uint8Array([3, ...new Array(16).fill(0), ...new Array(321).fill(0x61)]),
  ],
  ["an accepted whose instance has a blank", hex("03 0000000000000005 0000000000004000 6120 62")],
  ["an accepted whose instance is not UTF-8", hex("03 0000000000000005 0000000000004000 ff")],
  ["a data frame without a payload", hex("04 0000000000000000")],
  ["a data frame with a cut offset", hex("04 00000000")],
  ["a data frame that is a byte too long", new Uint8Array(maxFrameBytes + 1).fill(0).fill(4, 0, 1)],
  ["data that ends above 2^53", hex("04 0020000000000000 61")],
  ["an offset just above 2^53", hex("07 0020000000000001")],
  ["an offset far above 2^53", hex("07 ffffffffffffffff")],
  ["an ack without its end", hex("05 0000000000000000")],
  ["an ack with an unknown end", hex("05 0000000000000000 03")],
  ["a credit with a byte too many", hex("06 0000000000000000 00")],
  ["a short fin", hex("07 00000000000000")],
  ["a reset without a reason", hex("08 0000000000000000")],
  ["a reset whose reason is too long", new Uint8Array([8, ...new Array(8).fill(0), ...new Array(129).fill(0x61)])],
  ["a reset whose reason has a line break", hex("08 0000000000000000 610a62")],
  ["a ping without an id", hex("09")],
  ["a long pong", hex("0a 0000000000")],
  ["a drain with a body", hex("0b 00")],
]

for (const [name, message] of malformed)
  test(`${name} is refused as malformed`, () => {
    expect(() => decodeFrame(message)).toThrow(FrameMalformed)
  })

test("what would be refused is never encoded", () => {
  const refused: (() => unknown)[] = [
    () => encodeFrame({ type: "fin", offset: maxOffset + 2 }),
    () => encodeFrame({ type: "fin", offset: -1 }),
    () => encodeFrame({ type: "credit", limit: 0.5 }),
    () => encodeFrame({ type: "ping", id: 2 ** 32 }),
    () => encodeFrame({ type: "reset", offset: 0, reason: "" }),
    () => encodeFrame({ type: "reset", offset: 0, reason: "two words" }),
    () => encodeFrame({ type: "reset", offset: 0, reason: "x".repeat(129) }),
    () => encodeFrame({ type: "accepted", receivedOffset: 0, creditLimit: 0, instance: "" }),
    () => encodeFrame({ type: "data", offset: 0, length: 0, pieces: [] }),
    () => encodeFrame({ type: "data", offset: 0, length: 2, pieces: [hex("00")] }),
    () => encodeFrame({ type: "data", offset: maxOffset, length: 1, pieces: [hex("00")] }),
    () =>
      encodeFrame({
        type: "data",
        offset: 0,
        length: maxPayloadBytes + 1,
        pieces: [new Uint8Array(maxPayloadBytes + 1)],
      }),
    () =>
      encodeFrame({
        type: "open",
        streamId: id,
        resumeSecret: secret,
        generation: 2,
        receivedOffset: 0,
        creditLimit: 0,
      }),
    () =>
      encodeFrame({
        type: "resume",
        streamId: id.subarray(1),
        resumeSecret: secret,
        generation: 2,
        receivedOffset: 0,
        creditLimit: 0,
      }),
    () =>
      encodeFrame({ type: "resume", streamId: id, resumeSecret: id, generation: 2, receivedOffset: 0, creditLimit: 0 }),
  ]
  for (const encode of refused) expect(encode).toThrow(FrameMalformed)
})

const offset = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, maxOffset))
const uint32 = fc.oneof(fc.nat(2 ** 32 - 1), fc.constantFrom(0, 1, 2 ** 32 - 1))
const word = (maxLength: number) =>
  fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength,
  })
const openingFields = {
  streamId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  resumeSecret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  receivedOffset: offset,
  creditLimit: offset,
}
const controlFrame: fc.Arbitrary<ControlFrame> = fc.oneof(
  fc.record({ type: fc.constant("open" as const), generation: fc.constant(1), ...openingFields }),
  fc.record({
    type: fc.constant("resume" as const),
    generation: fc.integer({ min: 2, max: 2 ** 32 - 1 }),
    ...openingFields,
  }),
  fc.record({
    type: fc.constant("accepted" as const),
    receivedOffset: offset,
    creditLimit: offset,
    instance: word(320),
  }),
  fc.record({
    type: fc.constant("ack" as const),
    receivedOffset: offset,
    end: fc.constantFrom("none" as const, "fin" as const, "reset" as const),
  }),
  fc.record({ type: fc.constant("credit" as const), limit: offset }),
  fc.record({ type: fc.constant("fin" as const), offset }),
  fc.record({ type: fc.constant("reset" as const), offset, reason: word(128) }),
  fc.record({ type: fc.constantFrom("ping" as const, "pong" as const), id: uint32 }),
  fc.constant({ type: "drain" as const }),
)

test("every control frame survives the wire", () => {
  fc.assert(
    fc.property(controlFrame, (frame) => expect(decodeFrame(encodeFrame(frame))).toEqual(frame)),
    { numRuns: 2_000 },
  )
})

test("every data frame survives the wire, however its payload was cut", () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(pieces, fc.nat(), (pieces, offset) => {
      const whole = Buffer.concat(pieces)
      const frame = decodeFrame(encodeFrame({ type: "data", offset, length: whole.byteLength, pieces }))
      expect(frame).toEqual({ type: "data", offset, payload: whole })
    }),
    { numRuns: 1_000 },
  )
})

const canonical = (message: Uint8Array): Uint8Array => {
  const frame = decodeFrame(message)
  return frame.type === "data"
    ? encodeFrame({ type: "data", offset: frame.offset, length: frame.payload.byteLength, pieces: [frame.payload] })
    : encodeFrame(frame)
}

test("garbage is either refused as malformed or is exactly the frame that it decodes to", () => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.tuple(fc.nat(12), fc.uint8Array({ maxLength: 80 })).map(([type, rest]) => new Uint8Array([type, ...rest])),
    fc.tuple(controlFrame, fc.nat(), fc.nat(255), fc.boolean()).map(([frame, at, value, cut]) => {
      const bytes = encodeFrame(frame).slice()
      bytes[at % bytes.byteLength] = value
      return cut ? bytes.subarray(0, at % bytes.byteLength) : bytes
    }),
  )
  fc.assert(
    fc.property(garbage, (message) => {
      try {
        expect(Buffer.from(canonical(message)).equals(Buffer.from(message))).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(FrameMalformed)
      }
    }),
    { numRuns: 5_000 },
  )
})
