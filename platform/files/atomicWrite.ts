import { randomBytes } from "node:crypto"
import { chmod, lstat, mkdir, open, realpath, rename, unlink } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { Data } from "effect"

/** A directory for private files exists already and other users of the machine may write to it. */
export class DirectoryNotPrivate extends Data.TaggedError("DirectoryNotPrivate")<{
  readonly path: string
  readonly detail: string
}> {
  override get message(): string {
    return `${this.path} cannot hold private files: ${this.detail}`
  }
}

const PRIVATE_FILE_MODE = 0o600
const PRIVATE_DIRECTORY_MODE = 0o700

/**
 * Replaces the file's whole content: a reader, and the disk after a crash at any moment, holds the old content or the new
 * one. The file has `mode` (0600 unless given) from its first byte on. A symbolic link stays and its target is replaced.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const mode = options.mode ?? PRIVATE_FILE_MODE
  const target = await realpath(path).catch(() => path)
  // In the same directory, because a rename is atomic only within one file system.
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(8).toString("hex")}.tmp`)
  const file = await open(temporary, "wx", mode)
  try {
    try {
      // The umask may have taken bits away.
      await file.chmod(mode)
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  await syncDirectory(dirname(target))
}

/**
 * Makes a directory (and its parents) that only its owner may enter. One that exists is set to 0700 if it is ours; a link, a
 * file or another user's directory is refused with {@link DirectoryNotPrivate}.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY_MODE })
  if (process.platform === "win32") return
  const found = await lstat(path)
  if (!found.isDirectory()) throw new DirectoryNotPrivate({ path, detail: "it is not a directory itself" })
  const owner = process.getuid?.()
  if (found.uid !== owner)
    throw new DirectoryNotPrivate({ path, detail: `user ${found.uid} owns it, expected ${owner}` })
  if ((found.mode & 0o777) !== PRIVATE_DIRECTORY_MODE) await chmod(path, PRIVATE_DIRECTORY_MODE)
}

/** Makes the rename itself survive a power loss. Windows cannot open directories; NTFS journals the rename. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return
  const directory = await open(path, "r")
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
