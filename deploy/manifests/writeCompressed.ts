import { rename } from "node:fs/promises"
import { gzip } from "../image/gzip.ts"
import { type TarEntry, writeTar } from "../image/tarArchive.ts"

/** A compressed archive under whatever name; the same entries give the same bytes. */
export const writeCompressed = async (file: string, entries: readonly TarEntry[]): Promise<void> => {
  const archive = `${file}.tar`
  await writeTar(archive, entries)
  await gzip(archive)
  await rename(archive, file)
}
