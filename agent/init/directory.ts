import { lstat, readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { Data, Either } from "effect"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import type { ClusterMaterial } from "../../protocol/material.ts"
import { filesOf, type MaterialFileName, materialFileNames, materialFrom } from "../../protocol/materialFiles.ts"

/** The directory holds some of the files and lacks others, files that do not belong together, or is somebody else's. */
export class DirectoryRefused extends Data.TaggedError("DirectoryRefused")<{
  readonly dir: string
  readonly reason: "HalfMade" | "Inconsistent" | "OtherCluster" | "NotPrivate" | "NotOurs"
  readonly detail: string
}> {
  override get message(): string {
    return `${this.dir}: ${this.detail}`
  }
}

const lockName = ".lock"
const privateMode = 0o700

/** What a directory holds after {@link openDirectory}. */
export interface Opened {
  readonly material: ClusterMaterial
  /** False when everything was there before: then nothing was written. */
  readonly created: boolean
}

/**
 * The material in `dir`, made by `make` and written (directory 0700, files 0600, each atomically, the identity key first) when
 * the directory is new or empty. A directory with files in it is never changed. Two runs at once make one material. Rejects
 * with {@link DirectoryRefused}, and with `DirectoryNotPrivate` for another user's directory.
 */
export const openDirectory = async (dir: string, make: () => Promise<ClusterMaterial>): Promise<Opened> => {
  await mayUse(dir)
  await makePrivateDirectory(dir)
  return withFileLock(join(dir, lockName), async () => {
    const found = await present(dir)
    if (found.length === 0) {
      const material = await make()
      const files = filesOf(material)
      for (const name of materialFileNames) await writeFileAtomic(join(dir, name), files[name])
      return { material, created: true }
    }
    return { material: await existing(dir, found), created: false }
  })
}

/** Making a directory private must not happen to one that serves others, as /tmp or a home directory would. */
const mayUse = async (dir: string): Promise<void> => {
  const found = await lstat(dir).catch(() => undefined)
  if (found === undefined || !found.isDirectory()) return
  const names = (await readdir(dir)).filter((name) => name !== lockName)
  if (names.length === 0) return
  const foreign = names.filter((name) => !isMaterialFile(name) && !isLeftover(name))
  if (foreign.length > 0)
    throw new DirectoryRefused({
      dir,
      reason: "NotOurs",
      detail: `it holds other things (${foreign.slice(0, 3).join(", ")}); give a new or empty directory`,
    })
  if ((found.mode & 0o777) !== privateMode)
    throw new DirectoryRefused({
      dir,
      reason: "NotPrivate",
      detail: `its mode is ${(found.mode & 0o777).toString(8)}, so that others may have read the keys; expected 700. Use a new directory, or chmod it if you know that nobody did`,
    })
}

const isMaterialFile = (name: string): name is MaterialFileName => materialFileNames.some((known) => known === name)
/** A write that was killed leaves a temporary file of this form. */
const isLeftover = (name: string) => name.startsWith(".") && name.endsWith(".tmp")

const present = async (dir: string): Promise<readonly MaterialFileName[]> => {
  const names = new Set(await readdir(dir))
  return materialFileNames.filter((name) => names.has(name))
}

const existing = async (dir: string, found: readonly MaterialFileName[]): Promise<ClusterMaterial> => {
  const missing = materialFileNames.filter((name) => !found.includes(name))
  if (missing.length > 0)
    throw new DirectoryRefused({
      dir,
      reason: "HalfMade",
      detail:
        `half made: it has ${found.join(", ")}, and lacks ${missing.join(", ")}. ` +
        "If this cluster was never registered, remove the directory and run init again; else restore the missing files",
    })
  const texts = await Promise.all(
    materialFileNames.map(async (name) => [name, await readFile(join(dir, name), "utf8")] as const),
  )
  const files = Object.fromEntries(texts) as Record<MaterialFileName, string>
  const material = materialFrom(files)
  if (Either.isLeft(material))
    throw new DirectoryRefused({
      dir,
      reason: "Inconsistent",
      detail: `its files do not belong together: ${material.left.message}. Restore them, or use a new directory`,
    })
  return material.right
}
