import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Either, Schema } from "effect"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import type { Directories } from "../directories.ts"

/** Ports by their entries' identities, hashed: nothing of an entry's settings can be read here. */
const GivenPorts = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Number }))
const decode = Schema.decodeUnknownEither(GivenPorts)

/**
 * Remembers in the state folder which port an entry was given: what `choose` says, who is told the ports of all other entries. One entry
 * at a time, in all processes of this user. A file that is lost or damaged costs no more than this memory.
 */
export const givenPort = async (
  { state }: Directories,
  entry: string,
  choose: (others: ReadonlySet<number>) => Promise<number>,
): Promise<number> => {
  await makePrivateDirectory(state)
  const path = join(state, "entry-ports.json")
  return await withFileLock(`${path}.lock`, async () => {
    const text = await readFile(path, "utf8").catch(() => "{}")
    const given = Object.entries(Either.getOrElse(decode(text), () => ({}))).filter(([one]) => one !== entry)
    const port = await choose(new Set(given.map(([, one]) => one)))
    const now = [...given.filter(([, one]) => one !== port), [entry, port]]
    await writeFileAtomic(path, JSON.stringify(Object.fromEntries(now)))
    return port
  })
}
