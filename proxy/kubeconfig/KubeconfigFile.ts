import { unlinkSync } from "node:fs"
import { mkdir, readFile, stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { parse } from "yaml"
import { makePrivateDirectory, writeFileAtomic } from "../../platform/files.ts"
import { LocalFailure } from "../failures.ts"
import { extensionName, isMarkOf } from "./entryMark.ts"
import type { Plugin } from "./kubeconfig.ts"

/** What the user of a kubeconfig has: a session credential, or the plugin of an entry that stays. */
type Credential = string | Plugin

/** A kubeconfig that this process wrote. One with a session credential is removed again. */
export class KubeconfigFile {
  readonly path: string
  readonly #credential: Credential

  private constructor(path: string, credential: Credential) {
    this.path = path
    this.#credential = credential
  }

  /** Writes into the state directory (0700), replacing what an earlier run left there. */
  static async own(path: string, text: string, credential: Credential): Promise<KubeconfigFile> {
    await makePrivateDirectory(dirname(path))
    await writeFileAtomic(path, text)
    return new KubeconfigFile(path, credential)
  }

  /**
   * Writes where the user wants it. A file there is replaced only if it holds nothing but session credentials or, by an entry that
   * stays, entries for the same cluster of the same relay: nothing else is lost. @throws {LocalFailure}
   */
  static async at(given: string, text: string, credential: Credential): Promise<KubeconfigFile> {
    const path = resolve(given)
    const refused = (why: string) => new LocalFailure({ detail: `--file ${given}: ${why}` })
    if ((await stat(path).catch(() => undefined))?.isDirectory()) throw refused("it is a directory")
    const present = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined
      throw refused(error.code ?? error.message)
    })
    if (present !== undefined && present.trim() !== "" && !mayReplace(present, credential))
      throw refused("it holds a kubeconfig that is not ours, which would be lost. Name another file")
    try {
      // What is missing of the way there is private; what exists keeps its owner's choice.
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await writeFileAtomic(path, text)
    } catch (error) {
      throw refused(error instanceof Error ? error.message : String(error))
    }
    return new KubeconfigFile(path, credential)
  }

  /** Removes the file unless another process has replaced it since. */
  async remove(): Promise<void> {
    const present = await readFile(this.path, "utf8").catch(() => undefined)
    if (typeof this.#credential === "string" && present?.includes(this.#credential)) unlinkSync(this.path)
  }
}

const mayReplace = (text: string, credential: Credential): boolean => {
  try {
    const config: unknown = parse(text)
    const users = (config as { users?: readonly { user?: Record<string, unknown> }[] } | null)?.users
    return (
      Array.isArray(users) &&
      users.length > 0 &&
      users.every(
        ({ user }) =>
          isSessionCredential(user?.token) || (typeof credential !== "string" && isMarkOf(markOf(user), credential)),
      )
    )
  } catch {
    return false
  }
}

/** The prefix makes log redaction and secret scanners recognise it. */
export const credentialPrefix = "ccsession_"
const markOf = (user: Record<string, unknown> | undefined): unknown =>
  Array.isArray(user?.extensions)
    ? user.extensions.find((one: { name?: unknown } | null) => one?.name === extensionName)?.extension
    : undefined
const isSessionCredential = (token: unknown) => typeof token === "string" && token.startsWith(credentialPrefix)
