import { createHash } from "node:crypto"
import { mkdir, readdir, readFile, realpath, unlink } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import { LocalFailure } from "../failures.ts"

/** The text of the file; undefined where there is none. @throws {LocalFailure} */
export const contentOf = (path: string): Promise<string | undefined> =>
  readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined
    throw new LocalFailure({ detail: `${path} cannot be read (${error.code ?? error.message})` })
  })

/**
 * Replaces the content by what `change` makes of it, under the lock between our processes; undefined is no file. Nothing is written
 * where nothing changed. `locks` is the directory (0700) for such locks. @throws {LocalFailure}
 */
export const changed = async (
  path: string,
  locks: string,
  change: (text: string | undefined) => string | undefined,
): Promise<void> => {
  await makePrivateDirectory(locks)
  const target = await realpath(path).catch(() => path)
  // Sixteen for all files that ever were: lock files are never removed (docs/decisions/0005).
  const lock = join(locks, `kubeconfig-${createHash("sha256").update(target).digest("hex").slice(0, 1)}.lock`)
  await withFileLock(lock, async () => {
    await removeUnfinished(target)
    const before = await contentOf(target)
    const after = change(before)
    if (after === before) return
    try {
      if (after === undefined) return await unlink(target)
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await writeFileAtomic(target, after)
    } catch (error) {
      throw new LocalFailure({
        detail: `${path} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
      })
    }
  })
}

/** What a process that was killed while it wrote left beside the file. Under the lock nobody else writes one. */
const removeUnfinished = async (target: string): Promise<void> => {
  const unfinished = new RegExp(`^\\.${RegExp.escape(basename(target))}\\.[0-9a-f]{16}\\.tmp$`)
  for (const name of await readdir(dirname(target)).catch(() => []))
    if (unfinished.test(name)) await unlink(join(dirname(target), name)).catch(() => {})
}
