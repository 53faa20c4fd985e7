import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { rename } from "node:fs/promises"
import type { WrittenFile } from "./tarArchive.ts"

/** Without the file's name and time. */
const options = ["-n", "-6", "--suffix=.gz"]

/** Compresses the file in place, with the gzip program: zlib's many forks differ in their output, and what is released is the same from every machine. */
export async function gzip(file: string): Promise<WrittenFile> {
  const { status, stderr, error } = spawnSync("gzip", [...options, file], { encoding: "utf8" })
  if (status !== 0) throw new Error(`gzip failed: ${error?.message ?? stderr}`)
  await rename(`${file}.gz`, file)
  const hash = createHash("sha256")
  let bytes = 0
  for await (const chunk of createReadStream(file)) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { sha256: hash.digest("hex"), bytes }
}
