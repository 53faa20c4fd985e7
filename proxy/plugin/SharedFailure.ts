import { readFile } from "node:fs/promises"
import { Either, Schema } from "effect"
import { writeFileAtomic } from "../../platform/files.ts"
import { BackgroundFailed } from "../background/outcomes.ts"
import { exitCodeOf } from "../exitCodes.ts"
import type { ClientFailure } from "../failures.ts"

const Told = Schema.Struct({ at: Schema.Number, exitCode: Schema.Number, message: Schema.String })
const decode = Schema.decodeUnknownEither(Schema.parseJson(Told))

/**
 * Why an entry's proxy did not start, for those that waited meanwhile: else ten kubectl would try, and wait, one after the other.
 * Read and written under the entry's lock. Nobody who came later believes it.
 */
export class SharedFailure {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** The failure that somebody who has waited since this time (Unix milliseconds) would wait for again. */
  async since(millis: number): Promise<BackgroundFailed | undefined> {
    const told = Either.getOrUndefined(decode(await readFile(this.#path, "utf8").catch(() => "")))
    if (told === undefined || told.at < millis || told.at > Date.now()) return undefined
    return new BackgroundFailed({ exitCode: told.exitCode, detail: told.message })
  }

  async tell(failure: BackgroundFailed | ClientFailure): Promise<void> {
    const exitCode = failure._tag === "BackgroundFailed" ? failure.exitCode : exitCodeOf(failure)
    await writeFileAtomic(this.#path, JSON.stringify({ at: Date.now(), exitCode, message: failure.message }))
  }
}
