import { randomBytes } from "node:crypto"
import { resolve } from "node:path"
import { LocalFailure } from "../failures.ts"
import { changed, contentOf } from "./changed.ts"
import { KubeconfigDocument } from "./KubeconfigDocument.ts"
import type { KubeconfigEntry } from "./kubeconfig.ts"
import type { KubeconfigPlaces } from "./kubeconfigPlaces.ts"
import { foreignNames, putEntries, removeEntries } from "./mergeEntries.ts"

export interface MergeOptions {
  readonly places: KubeconfigPlaces
  readonly entries: readonly KubeconfigEntry[]
  /** Whether the first entry becomes the current context. */
  readonly current: boolean
  /** Asked for names that are there and not ours; undefined where nobody can be asked. */
  readonly mayReplace: ((names: readonly string[], path: string) => Promise<boolean>) | undefined
  /** Directory (0700) for the locks between our processes. */
  readonly locks: string
}

/**
 * Our entries in a kubeconfig that belongs to somebody. Every change is made under a lock between our processes and replaces the
 * file as a whole, so that a reader, and a kill at any moment, finds the old content or the new one.
 */
export class MergedKubeconfig {
  readonly path: string
  readonly session: string
  readonly #locks: string
  readonly #made: boolean

  private constructor(path: string, session: string, locks: string, made: boolean) {
    this.path = path
    this.session = session
    this.#locks = locks
    this.#made = made
  }

  /** @throws {LocalFailure} for a file that cannot be changed without loss, and for names that may not be replaced */
  static async merge(options: MergeOptions): Promise<MergedKubeconfig> {
    const { places, entries, mayReplace, locks } = options
    const path = resolve(places.target)
    const agreed = await agreedNames(path, places.others, entries, mayReplace)
    const session = randomBytes(8).toString("hex")
    let made = false
    await changed(path, locks, (text) => {
      const file = new KubeconfigDocument(path, text ?? "")
      const foreign = foreignNames(file, entries).filter((name) => !agreed.has(name))
      if (foreign.length > 0) throw taken(foreign, path)
      made = text === undefined
      putEntries(file, entries, session, options.current)
      return file.toString()
    })
    return new MergedKubeconfig(path, session, locks, made)
  }

  /** Removes what this session added, and makes the context current again that was before. Leaves all else alone. */
  async remove(): Promise<void> {
    await changed(this.path, this.#locks, (text) => {
      if (text === undefined) return undefined
      const file = new KubeconfigDocument(this.path, text)
      if (!removeEntries(file, this.session)) return text
      return this.#made && file.isEmpty ? undefined : file.toString()
    })
  }
}

/** The foreign names that somebody agreed to replace, here, or to hide in a file that is read after this one. */
const agreedNames = async (
  path: string,
  others: readonly string[],
  entries: readonly KubeconfigEntry[],
  mayReplace: MergeOptions["mayReplace"],
): Promise<ReadonlySet<string>> => {
  const agreed = new Set<string>()
  for (const file of [path, ...others.map((other) => resolve(other))]) {
    const text = await contentOf(file)
    const names = text === undefined ? [] : foreignNames(new KubeconfigDocument(file, text), entries)
    const open = names.filter((name) => !agreed.has(name))
    if (open.length === 0) continue
    if (mayReplace === undefined || !(await mayReplace(open, file))) throw taken(open, file)
    for (const name of open) agreed.add(name)
  }
  return agreed
}

const taken = (names: readonly string[], path: string) =>
  new LocalFailure({
    detail: `${path} has ${names.map((name) => `'${name}'`).join(", ")} already, and it is not ours: choose another name with --kube-context, or replace it with --overwrite-existing`,
  })
