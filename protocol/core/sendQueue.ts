import type { OutgoingData } from "../frame.ts"

/**
 * The bytes of one direction that the peer has not acknowledged, by reference.
 * base <= next <= end and base <= next <= high; `next` goes back on replay, `high` never does.
 */
export interface SendQueue {
  readonly chunks: Uint8Array[]
  /** Chunks before this index are done with; they are cut off in batches. */
  head: number
  /** Offset at which chunks[head] begins; at most `base`. */
  headOffset: number
  /** Acknowledged. */
  base: number
  /** Next offset to hand to the present carrier, and the chunk it lies in. */
  next: number
  nextIndex: number
  nextIndexOffset: number
  /** Taken from the producer. */
  end: number
  /** Handed to any carrier. */
  high: number
}

export const emptyQueue = (): SendQueue => ({
  chunks: [],
  head: 0,
  headOffset: 0,
  base: 0,
  next: 0,
  nextIndex: 0,
  nextIndexOffset: 0,
  end: 0,
  high: 0,
})

export const keptBytes = (queue: SendQueue): number => queue.end - queue.base

export const append = (queue: SendQueue, bytes: Uint8Array): void => {
  if (bytes.byteLength === 0) return
  queue.chunks.push(bytes)
  queue.end += bytes.byteLength
}

/** Chunks that are done with are cut off when this many have gathered: a shift per ack would be quadratic. */
const cutAfterChunks = 64

/** Frees everything below `offset`, which must lie in base..high. */
export const acknowledge = (queue: SendQueue, offset: number): void => {
  if (offset <= queue.base) return
  queue.base = offset
  while (queue.head < queue.chunks.length) {
    const length = queue.chunks[queue.head]!.byteLength
    if (queue.headOffset + length > offset) break
    queue.headOffset += length
    // Frees the memory now; the slot goes with the next cut.
    queue.chunks[queue.head] = nothing
    queue.head += 1
  }
  if (queue.next < offset) moveTo(queue, offset)
  if (queue.head >= cutAfterChunks || queue.head === queue.chunks.length) {
    queue.chunks.splice(0, queue.head)
    queue.nextIndex -= queue.head
    queue.head = 0
  }
}

const nothing = new Uint8Array(0)

const moveTo = (queue: SendQueue, offset: number) => {
  let index = queue.head
  let at = queue.headOffset
  while (index < queue.chunks.length && at + queue.chunks[index]!.byteLength <= offset) {
    at += queue.chunks[index]!.byteLength
    index += 1
  }
  queue.next = offset
  queue.nextIndex = index
  queue.nextIndexOffset = at
}

/** Begins again at what the peer has: acknowledges below it and hands everything from it to the new carrier. */
export const replayFrom = (queue: SendQueue, offset: number): void => {
  acknowledge(queue, offset)
  moveTo(queue, offset)
}

/** The next data frame of at most `limit` bytes; the caller made sure that next < end. */
export const take = (queue: SendQueue, limit: number): OutgoingData => {
  const offset = queue.next
  const length = Math.min(limit, queue.end - offset)
  const pieces: Uint8Array[] = []
  let left = length
  while (left > 0) {
    const chunk = queue.chunks[queue.nextIndex]!
    const from = queue.next - queue.nextIndexOffset
    const available = chunk.byteLength - from
    if (available <= left) {
      pieces.push(from === 0 ? chunk : chunk.subarray(from))
      queue.next += available
      left -= available
      queue.nextIndexOffset += chunk.byteLength
      queue.nextIndex += 1
    } else {
      pieces.push(chunk.subarray(from, from + left))
      queue.next += left
      left = 0
    }
  }
  if (queue.next > queue.high) queue.high = queue.next
  return { type: "data", offset, length, pieces }
}
