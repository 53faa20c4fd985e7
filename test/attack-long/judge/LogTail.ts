import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs"

/** The API server writes lines of some 2 KiB. */
const chunkBytes = 256 * 1024

/** Reads what is appended to a log file, each line once, also when the file is rotated: a full one is renamed and a new one begun. */
export class LogTail {
  readonly #file: string
  #descriptor: number
  #offset: number
  #rest = ""

  /** Begins at the end of the file. */
  constructor(file: string) {
    this.#file = file
    this.#descriptor = openSync(file, "r")
    this.#offset = fstatSync(this.#descriptor).size
  }

  /** The complete lines since the last call. */
  lines(): readonly string[] {
    const lines = this.#read()
    if (!this.#isRotated()) return lines
    // What was written between the last read and the renaming is in the old file still.
    lines.push(...this.#read())
    closeSync(this.#descriptor)
    this.#descriptor = openSync(this.#file, "r")
    this.#offset = 0
    lines.push(...this.#read())
    return lines
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #isRotated(): boolean {
    return existsSync(this.#file) && statSync(this.#file).ino !== fstatSync(this.#descriptor).ino
  }

  #read(): string[] {
    const chunks: Buffer[] = []
    for (;;) {
      const chunk = Buffer.alloc(chunkBytes)
      const read = readSync(this.#descriptor, chunk, 0, chunk.length, this.#offset)
      if (read === 0) break
      this.#offset += read
      chunks.push(chunk.subarray(0, read))
    }
    // latin1 keeps a character that a read has cut in two.
    const lines = (this.#rest + Buffer.concat(chunks).toString("latin1")).split("\n")
    this.#rest = lines.pop() ?? ""
    return lines.map((line) => Buffer.from(line, "latin1").toString("utf8"))
  }
}
