import { stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { makePrivateDirectory } from "../../platform/files.ts"
import { LocalFailure } from "../failures.ts"
import { changed } from "./changed.ts"
import { extensionName, isMarkOf } from "./entryMark.ts"
import { KubeconfigDocument } from "./KubeconfigDocument.ts"
import type { Plugin } from "./kubeconfig.ts"
import { removeNamed } from "./mergeEntries.ts"
import { holdsOnly, isSessionCredential, ownNames, sessionCredentials } from "./ownEntries.ts"

/** What the user of a kubeconfig has: a session credential, or the plugin of an entry that stays. */
type Credential = string | Plugin

/** Other programs' entries may be in as many of our own files as this, and then it is a person's turn. */
const maxOwnFiles = 100

/** A kubeconfig that this process wrote. What has a session credential is removed again. */
export class KubeconfigFile {
  readonly path: string
  readonly #text: string
  readonly #locks: string

  private constructor(path: string, text: string, locks: string) {
    this.path = path
    this.#text = text
    this.#locks = locks
  }

  /**
   * Writes into the state directory (0700), replacing what an earlier run left there. Where somebody else's entries have come to be in
   * that file, they stay, and another file is written: `path` says which. `locks` as for {@link changed}. @throws {LocalFailure}
   */
  static async own(path: string, text: string, credential: Credential, locks: string): Promise<KubeconfigFile> {
    await makePrivateDirectory(dirname(path))
    for (let index = 1; index <= maxOwnFiles; index++) {
      const one = index === 1 ? path : path.replace(/\.yaml$/, `-${index}.yaml`)
      let free = true
      await changed(one, locks, (present) => {
        free = present === undefined || holdsNothing(one, present) || mayReplace(present, credential)
        return free ? text : present
      })
      if (free) return new KubeconfigFile(one, text, locks)
    }
    throw new LocalFailure({
      detail: `${dirname(path)} has entries in all its files that are not ours: name one with --file`,
    })
  }

  /**
   * Writes where the user wants it. A file there is replaced only if it holds nothing but session credentials or, by an entry that
   * stays, entries for the same cluster of the same relay: nothing else is lost. @throws {LocalFailure}
   */
  static async at(given: string, text: string, credential: Credential, locks: string): Promise<KubeconfigFile> {
    const path = resolve(given)
    const refused = (why: string) => new LocalFailure({ detail: `--file ${given}: ${why}` })
    if ((await stat(path).catch(() => undefined))?.isDirectory()) throw refused("it is a directory")
    try {
      await changed(path, locks, (present) => {
        if (present === undefined || present.trim() === "" || mayReplace(present, credential)) return text
        throw refused("it holds a kubeconfig that is not ours, which would be lost. Name another file")
      })
    } catch (error) {
      if (error instanceof LocalFailure) throw error
      throw refused(error instanceof Error ? error.message : String(error))
    }
    return new KubeconfigFile(path, text, locks)
  }

  /** Removes what this session wrote, and the file with it unless other entries have come into it. What has taken its place stays. */
  async remove(): Promise<void> {
    const credentials = sessionCredentials(new KubeconfigDocument(this.path, this.#text))
    if (credentials.size === 0) return
    await changed(this.path, this.#locks, (present) => {
      if (present === undefined) return undefined
      const file = new KubeconfigDocument(this.path, present)
      const own = ownNames(file, ({ token }) => isSessionCredential(token) && credentials.has(token))
      if (own.users.size === 0) return present
      if (holdsOnly(file, own)) return undefined
      removeNamed(file, own)
      return file.toString()
    })
  }
}

const mayReplace = (text: string, credential: Credential): boolean => {
  try {
    const file = new KubeconfigDocument("", text)
    const isOwn = (user: Readonly<Record<string, unknown>>) =>
      isSessionCredential(user.token) || (typeof credential !== "string" && isMarkOf(markOf(user), credential))
    return holdsOnly(file, ownNames(file, isOwn))
  } catch {
    return false
  }
}

/** What is no kubeconfig holds no entries either. */
const holdsNothing = (path: string, text: string): boolean => {
  try {
    return new KubeconfigDocument(path, text).isEmpty
  } catch {
    return true
  }
}

const markOf = (user: Readonly<Record<string, unknown>>): unknown =>
  Array.isArray(user.extensions)
    ? user.extensions.find((one: { name?: unknown } | null) => one?.name === extensionName)?.extension
    : undefined
