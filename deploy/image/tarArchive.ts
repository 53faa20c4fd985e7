import { createHash } from "node:crypto"
import { createReadStream, createWriteStream } from "node:fs"
import { stat } from "node:fs/promises"
import { pipeline } from "node:stream/promises"
import { type Header, type Pack, pack } from "tar-stream"

export type TarEntry =
  | { readonly type: "directory"; readonly path: string; readonly mode: number; readonly owner?: number }
  | { readonly type: "symlink"; readonly path: string; readonly target: string }
  | { readonly type: "file"; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  /** The content of a file of this machine, copied in pieces: binaries have a hundred megabytes. */
  | { readonly type: "file"; readonly path: string; readonly mode: number; readonly source: string }

export interface WrittenFile {
  /** Hexadecimal. */
  readonly sha256: string
  readonly bytes: number
}

/** Writes a tar archive; owner 0:0 where an entry names none, and time 0, so that equal entries give equal bytes. */
export async function writeTar(file: string, entries: Iterable<TarEntry>): Promise<WrittenFile> {
  const archive = pack()
  const hash = createHash("sha256")
  let bytes = 0
  const measured = async function* (chunks: Pack) {
    for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
      hash.update(chunk)
      bytes += chunk.length
      yield chunk
    }
  }
  const added = addAll(archive, entries).catch((error: unknown) => {
    archive.destroy(error as Error)
    throw error
  })
  const outcomes = await Promise.allSettled([added, pipeline(measured(archive), createWriteStream(file))])
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason
  return { sha256: hash.digest("hex"), bytes }
}

async function addAll(archive: Pack, entries: Iterable<TarEntry>): Promise<void> {
  for (const entry of entries) await add(archive, entry)
  archive.finalize()
}

/** Resolves when the archive has taken the whole entry. */
async function add(archive: Pack, entry: TarEntry): Promise<void> {
  const common = { name: entry.path, type: entry.type, mtime: new Date(0), uid: 0, gid: 0 } satisfies Partial<Header>
  switch (entry.type) {
    case "directory": {
      const owner = entry.owner ?? 0
      return whole(archive, { ...common, mode: entry.mode, uid: owner, gid: owner }, Buffer.alloc(0))
    }
    case "symlink":
      return whole(archive, { ...common, mode: 0o777, linkname: entry.target }, Buffer.alloc(0))
    case "file": {
      if ("content" in entry) return whole(archive, { ...common, mode: entry.mode }, Buffer.from(entry.content))
      const { size } = await stat(entry.source)
      // streamx's streams work in Node's pipeline; their types are not Node's.
      return pipeline(
        createReadStream(entry.source),
        archive.entry({ ...common, mode: entry.mode, size }) as unknown as NodeJS.WritableStream,
      )
    }
  }
}

const whole = (archive: Pack, header: Partial<Header> & Pick<Header, "name">, content: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    archive.entry(header, content, (error) => (error ? reject(error) : resolve()))
  })
