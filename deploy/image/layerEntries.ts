import { dirname } from "node:path"
import type { TarEntry } from "./tarArchive.ts"

export interface ImageFile {
  /** Absolute path in the image. */
  readonly path: string
  /** Default 0644. */
  readonly mode?: number
  /** One of three: text or bytes, a file of this machine, or the target of a symlink. */
  readonly content?: string | Uint8Array
  readonly source?: string
  readonly target?: string
}

export interface ImageDirectory {
  /** Absolute path in the image. */
  readonly path: string
  readonly mode: number
  /** uid and gid; default 0. */
  readonly owner?: number
}

/** What one layer adds. */
export interface LayerContent {
  readonly files: readonly ImageFile[]
  /** Directories beyond the parents of the files, with their modes. */
  readonly directories?: readonly ImageDirectory[]
}

/** An image without a fully qualified name, or a file that says not what it is. */
export class InvalidImage extends Error {
  override readonly name = "InvalidImage"
}

/** Entries of the layer's archive: first all directories, parents before children, then the files in the order given. */
export function layerEntries({ files, directories = [] }: LayerContent): readonly TarEntry[] {
  const found = new Map<string, ImageDirectory>()
  const addParents = (path: string) => {
    for (let parent = dirname(path); parent !== "/"; parent = dirname(parent)) {
      if (!found.has(parent)) found.set(parent, { path: parent, mode: 0o755 })
    }
  }
  const entries = files.map(fileEntry)
  for (const directory of directories) {
    if (!directory.path.startsWith("/")) {
      throw new InvalidImage(`directory "${directory.path}": expected an absolute path`)
    }
    addParents(directory.path)
    found.set(directory.path, directory)
  }
  for (const { path } of files) addParents(path)
  const sorted = [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  return [
    ...sorted.map(({ path, ...rest }): TarEntry => ({ type: "directory", path: path.slice(1), ...rest })),
    ...entries,
  ]
}

function fileEntry({ path, mode = 0o644, content, source, target }: ImageFile): TarEntry {
  const given = [content, source, target].filter((one) => one !== undefined).length
  if (!path.startsWith("/") || given !== 1) {
    throw new InvalidImage(`file "${path}": expected an absolute path and exactly one of content, source and target`)
  }
  const inside = path.slice(1)
  if (target !== undefined) return { type: "symlink", path: inside, target }
  if (source !== undefined) return { type: "file", path: inside, mode, source }
  return { type: "file", path: inside, mode, content: Buffer.from(content!) }
}
