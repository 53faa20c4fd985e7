import { createHash } from "node:crypto"
import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs"

/** A name that the ustar format cannot hold (POSIX.1-2024 pax, ustar interchange format: 155 + 1 + 100 bytes). */
export class NameTooLong extends Error {
  override readonly name = "NameTooLong"
}

export type TarEntry =
  | { readonly type: "directory"; readonly path: string; readonly mode: number }
  | { readonly type: "symlink"; readonly path: string; readonly target: string }
  | { readonly type: "file"; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  /** The content of a file of this machine, copied in pieces: binaries have a hundred megabytes. */
  | { readonly type: "file"; readonly path: string; readonly mode: number; readonly source: string }

const BLOCK = 512
const COPY_BYTES = 1024 * 1024
const TYPE_FLAGS = { file: "0", symlink: "2", directory: "5" } as const

/** Writes a ustar archive; owner 0:0 and time 0, so that equal entries give equal bytes. Returns its SHA-256 in hexadecimal and its size. */
export function writeTar(
  file: string,
  entries: Iterable<TarEntry>,
): { readonly sha256: string; readonly bytes: number } {
  const output = openSync(file, "w", 0o644)
  const hash = createHash("sha256")
  let bytes = 0
  const write = (chunk: Uint8Array) => {
    hash.update(chunk)
    for (let done = 0; done < chunk.length; ) done += writeSync(output, chunk, done)
    bytes += chunk.length
  }
  try {
    for (const entry of entries) {
      const size = contentSize(entry)
      write(header(entry, size))
      if (entry.type !== "file") continue
      if ("content" in entry) write(entry.content)
      else copy(entry.source, size, write)
      write(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK))
    }
    write(Buffer.alloc(2 * BLOCK))
  } finally {
    closeSync(output)
  }
  return { sha256: hash.digest("hex"), bytes }
}

function contentSize(entry: TarEntry): number {
  if (entry.type !== "file") return 0
  return "content" in entry ? entry.content.length : statSync(entry.source).size
}

function copy(source: string, size: number, write: (chunk: Uint8Array) => void): void {
  const input = openSync(source, "r")
  const buffer = Buffer.alloc(COPY_BYTES)
  try {
    for (let left = size; left > 0; ) {
      const read = readSync(input, buffer, 0, Math.min(left, buffer.length), null)
      if (read === 0) throw new Error(`${source} became shorter while it was copied`)
      write(buffer.subarray(0, read))
      left -= read
    }
  } finally {
    closeSync(input)
  }
}

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const { name, prefix } = splitName(entry.type === "directory" ? `${entry.path}/` : entry.path)
  block.write(name, 0)
  block.write(octal(entry.type === "symlink" ? 0o777 : entry.mode, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(size, 11), 124)
  block.write(octal(0, 11), 136)
  block.write(" ".repeat(8), 148)
  block.write(TYPE_FLAGS[entry.type], 156)
  if (entry.type === "symlink") {
    if (Buffer.byteLength(entry.target) > 100) throw new NameTooLong(`symlink target of ${entry.path}: ${entry.target}`)
    block.write(entry.target, 157)
  }
  block.write("ustar\u000000", 257, "latin1")
  block.write(prefix, 345)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 6)}\u0000 `, 148, "latin1")
  return block
}

function splitName(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" }
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
    const prefix = path.slice(0, at)
    const name = path.slice(at + 1)
    if (name !== "" && Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { name, prefix }
  }
  throw new NameTooLong(`${path} does not fit into a tar header`)
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0")
}
