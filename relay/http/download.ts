import { constants, createReadStream } from "node:fs"
import { type FileHandle, open, realpath } from "node:fs/promises"
import type { ServerResponse } from "node:http"
import { join, sep } from "node:path"
import { pipeline } from "node:stream"
import { NotFound } from "../refusals.ts"

export const downloadPrefix = "/download/"

/** Names of letters, digits, dots, hyphens and underscores; none begins with a dot, so `..` and hidden files are out. */
const relativePath = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/

/** Sends one regular file of the folder. Rejects with {@link NotFound} for everything else, links out of the folder included. */
export const sendDownload = async (
  folder: string | undefined,
  target: string,
  response: ServerResponse,
): Promise<void> => {
  const relative = target.slice(downloadPrefix.length)
  if (folder === undefined || !relativePath.test(relative)) throw new NotFound()
  const found = await openInside(folder, relative)
  if (found === undefined) throw new NotFound()
  const { handle, size } = found
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-length": size,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
  })
  if (response.req.method === "HEAD" || size === 0) {
    await handle.close()
    return void response.end()
  }
  // A file that grows meanwhile would break the length that was announced.
  pipeline(
    createReadStream("", { fd: handle.fd, autoClose: false, end: size - 1 }),
    response,
    () => void handle.close(),
  )
}

const openInside = async (
  folder: string,
  relative: string,
): Promise<{ handle: FileHandle; size: number } | undefined> => {
  try {
    const [root, file] = await Promise.all([realpath(folder), realpath(join(folder, relative))])
    if (!file.startsWith(root + sep)) return undefined
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const about = await handle.stat()
    if (about.isFile()) return { handle, size: about.size }
    await handle.close()
    return undefined
  } catch {
    return undefined
  }
}
