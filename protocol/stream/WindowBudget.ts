/**
 * Bytes that all streams of a process may hold beyond their floor of 16 KiB per direction: windows promised to peers and data kept for replay.
 * Streams ask for what is spare and are never refused their floor, so the budget bounds memory and starves nobody.
 */
export class WindowBudget {
  readonly totalBytes: number
  #usedBytes = 0

  /** @throws {RangeError} unless a whole number of bytes */
  constructor(totalBytes: number) {
    if (!Number.isSafeInteger(totalBytes) || totalBytes < 0)
      throw new RangeError(`window budget: ${totalBytes}, expected a whole number of bytes`)
    this.totalBytes = totalBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Never negative. */
  get spareBytes(): number {
    return Math.max(0, this.totalBytes - this.#usedBytes)
  }

  /** Books the change of one stream's holdings; negative gives back. */
  book(bytes: number) {
    this.#usedBytes += bytes
  }
}
