import { closeSync, fchmodSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs"

/** A year of a proxy whose path breaks every hour. */
export const maxLogBytes = 1_048_576
/** What stays when it is full: the newest. */
const keptBytes = maxLogBytes / 4
/** What comes past this class, as a runtime's last words, is looked at so often. */
const lookMillis = 10_000

/** A log file (0600) that grows to a bounded size: when it is full, its older lines go. */
export class BoundedLog implements Disposable {
  readonly #file: number
  readonly #timer: NodeJS.Timeout

  constructor(path: string) {
    this.#file = openSync(path, "a+", 0o600)
    fchmodSync(this.#file, 0o600)
    // A start that fails leaves its last words behind this class: the next one makes room for them.
    this.write("")
    this.#timer = setInterval(() => this.write(""), lookMillis)
    this.#timer.unref()
  }

  /** Never throws: a full disk is no reason to end a proxy. */
  write(line: string): void {
    try {
      writeSync(this.#file, line)
      this.#bound()
    } catch {}
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    closeSync(this.#file)
  }

  #bound(): void {
    const { size } = fstatSync(this.#file)
    if (size <= maxLogBytes) return
    const kept = Buffer.alloc(keptBytes)
    const length = readSync(this.#file, kept, 0, keptBytes, size - keptBytes)
    const tail = kept.subarray(0, length)
    ftruncateSync(this.#file, 0)
    // Opened for appending, here and by whoever else writes to it: all go on at the new end.
    writeSync(this.#file, tail.subarray(tail.indexOf(0x0a) + 1))
  }
}
