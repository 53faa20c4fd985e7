import { unlinkSync } from "node:fs"
import { mkdir, readFile, stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { parse } from "yaml"
import { makePrivateDirectory, writeFileAtomic } from "../../platform/files.ts"
import { LocalFailure } from "../failures.ts"
import { credentialWord } from "../plugin/execInfo.ts"

/** A kubeconfig that this process wrote. One with a session credential is removed again. */
export class KubeconfigFile {
  readonly path: string
  readonly #credential: string | undefined

  private constructor(path: string, credential: string | undefined) {
    this.path = path
    this.#credential = credential
  }

  /** Writes into the state directory (0700), replacing what an earlier run left there. */
  static async own(path: string, text: string, credential?: string): Promise<KubeconfigFile> {
    await makePrivateDirectory(dirname(path))
    await writeFileAtomic(path, text)
    return new KubeconfigFile(path, credential)
  }

  /**
   * Writes where the user wants it. A file there is replaced only if a proxy like this one wrote it: a kubeconfig with other
   * clusters in it is never lost. @throws {LocalFailure}
   */
  static async at(given: string, text: string, credential?: string): Promise<KubeconfigFile> {
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
    if (this.#credential !== undefined && present?.includes(this.#credential)) unlinkSync(this.path)
  }
}

/** Files whose users carry nothing but session credentials; and for an entry that stays, our plugin. A session's file goes at its end. */
const mayReplace = (text: string, credential: string | undefined): boolean => {
  try {
    const config: unknown = parse(text)
    const users = (config as { users?: readonly { user?: Record<string, unknown> }[] } | null)?.users
    return (
      Array.isArray(users) &&
      users.length > 0 &&
      users.every(({ user }) => isSessionCredential(user?.token) || (credential === undefined && isPlugin(user?.exec)))
    )
  } catch {
    return false
  }
}

/** The prefix makes log redaction and secret scanners recognise it. */
export const credentialPrefix = "ccsession_"
const isPlugin = (exec: unknown) => {
  const { args } = (exec ?? {}) as { args?: unknown }
  return Array.isArray(args) && args.includes(credentialWord)
}
const isSessionCredential = (token: unknown) => typeof token === "string" && token.startsWith(credentialPrefix)
