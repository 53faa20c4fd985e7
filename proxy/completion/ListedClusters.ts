import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Either, Schema } from "effect"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import { clusterNamePattern } from "../../protocol/names.ts"
import { decodeJson } from "../../protocol/signed.ts"
import type { Directories } from "../directories.ts"

const ListedFile = Schema.Struct({
  version: Schema.Literal(1),
  relays: Schema.Array(
    Schema.Struct({
      relay: Schema.String,
      clusters: Schema.Array(Schema.String.pipe(Schema.pattern(clusterNamePattern))),
    }),
  ),
})
type Relays = typeof ListedFile.Type.relays

/** A person has a few relays; the one that was listed longest ago makes room. */
const maxRelays = 16
/** 16 relays with 5,000 names of 40 characters each are 3.5 MB; a larger file is not ours. */
const maxFileBytes = 4 * 1024 * 1024
/** Nobody chooses among more by a tab. */
export const maxNames = 5_000

/** What relays listed last, for completion where no token is at hand: `listed-clusters.json` of the state directory. Nothing else trusts it. */
export class ListedClusters {
  readonly #path: string

  constructor({ state }: Directories) {
    this.#path = join(state, "listed-clusters.json")
  }

  /** None when the relay was not listed here, or the file is not understood. */
  async names(relay: string): Promise<readonly string[]> {
    return (await this.#read()).find((one) => one.relay === relay)?.clusters ?? []
  }

  /** Replaces what is remembered of this relay. */
  async remember(relay: string, names: readonly string[]): Promise<void> {
    await makePrivateDirectory(dirname(this.#path))
    await withFileLock(`${this.#path}.lock`, async () => {
      const others = (await this.#read()).filter((one) => one.relay !== relay)
      const relays = [{ relay, clusters: names.slice(0, maxNames) }, ...others].slice(0, maxRelays)
      await writeFileAtomic(this.#path, `${JSON.stringify({ version: 1, relays })}\n`)
    })
  }

  /** It only saves typing: what is damaged begins anew. */
  async #read(): Promise<Relays> {
    const text = await readFile(this.#path, "utf8").catch(() => "")
    const decoded = decodeJson(this.#path, ListedFile, text, maxFileBytes)
    return Either.isRight(decoded) ? decoded.right.relays : []
  }
}
