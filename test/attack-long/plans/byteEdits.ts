import fc from "fast-check"

/** A change of raw bytes, at a share of their length, so that it fits bytes of any length. */
export interface ByteEdit {
  readonly what: "replace" | "insert" | "remove" | "repeat"
  readonly at: number
  readonly length: number
  readonly bytes: Uint8Array
}

/** Bytes at which parsers of HTTP disagree, more often than any other. */
const suspicious = [
  0x00, 0x09, 0x0a, 0x0b, 0x0d, 0x20, 0x22, 0x25, 0x2c, 0x2e, 0x2f, 0x3a, 0x3b, 0x5c, 0x5f, 0x7f, 0x80, 0xff,
]
const byte = fc.oneof(fc.constantFrom(...suspicious), fc.integer({ min: 0, max: 255 }))
const bytes = fc.oneof(
  fc.array(byte, { minLength: 1, maxLength: 4 }).map((values) => Uint8Array.from(values)),
  fc
    .constantFrom("\r\n", "\n", "\r\n\r\n", "\r\n ", ":", " HTTP/1.1", "%2e%2e%2f", "Impersonate-User: root\r\n")
    .map((text) => Buffer.from(text)),
)

export const byteEdit: fc.Arbitrary<ByteEdit> = fc.record({
  what: fc.constantFrom("replace", "insert", "remove", "repeat"),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 1, max: 12 }),
  bytes,
})

/** Most attempts are left as they are: what is broken everywhere is refused at its first byte. */
export const byteEdits = fc.oneof(
  { weight: 5, arbitrary: fc.constant<ByteEdit[]>([]) },
  { weight: 1, arbitrary: fc.array(byteEdit, { minLength: 1, maxLength: 3 }) },
)

export const edited = (original: Buffer, edits: readonly ByteEdit[]): Buffer => {
  let buffer = original
  for (const { what, at, length, bytes: put } of edits) {
    const start = Math.min(Math.floor(at * buffer.length), buffer.length)
    const head = buffer.subarray(0, start)
    const changed: Record<ByteEdit["what"], readonly Uint8Array[]> = {
      replace: [head, put, buffer.subarray(start + put.length)],
      insert: [head, put, buffer.subarray(start)],
      remove: [head, buffer.subarray(start + length)],
      repeat: [buffer.subarray(0, start + length), buffer.subarray(start)],
    }
    buffer = Buffer.concat(changed[what])
  }
  return buffer
}
