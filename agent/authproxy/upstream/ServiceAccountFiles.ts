import { readFileSync } from "node:fs"
import { type WatchedFiles, watchFiles } from "../../../platform/files.ts"

const pemBegin = "-----BEGIN CERTIFICATE-----"

/**
 * The token and the roots that the auth proxy uses towards the API server, as their files had them a second ago. A file that cannot
 * be read leaves what was read last, and is read again until it can be: the API server decides whether the old is still good, and its 401 has them read too.
 */
export class ServiceAccountFiles {
  readonly #tokenFile: string
  readonly #caFile: string
  readonly #onFault: (file: string, fault: string) => void
  readonly #watched: WatchedFiles
  /** Why a file is not used; told once, not with each attempt. */
  readonly #faults = new Map<string, string>()
  #token: string | undefined
  #ca: string | undefined

  constructor(options: {
    readonly tokenFile: string
    readonly caFile: string
    readonly pollMillis?: number
    /** The file and why it is not used; never what is in it. */
    readonly onFault: (file: string, fault: string) => void
  }) {
    const { tokenFile, caFile, onFault } = options
    this.#tokenFile = tokenFile
    this.#caFile = caFile
    this.#onFault = onFault
    // Watching begins before the first read, so that no change falls between the two.
    this.#watched = watchFiles([tokenFile, caFile], () => this.reread(), options)
    this.reread()
  }

  /** For the Authorization header of this moment; undefined when there was never one. */
  get token(): string | undefined {
    return this.#token
  }

  /** PEM; undefined when there was never one. */
  get ca(): string | undefined {
    return this.#ca
  }

  /** Reads both files now. */
  reread(): void {
    const token = this.#read(this.#tokenFile)?.trim()
    // Anything else could not stand in a header line, or would be an empty credential.
    if (token !== undefined && this.#judge(this.#tokenFile, /^[!-~]+$/.test(token), "it holds no token"))
      this.#token = token
    const ca = this.#read(this.#caFile)
    if (ca !== undefined && this.#judge(this.#caFile, ca.includes(pemBegin), "it holds no PEM certificate"))
      this.#ca = ca
  }

  close(): void {
    this.#watched.close()
  }

  #read(path: string): string | undefined {
    try {
      return readFileSync(path, "utf8")
    } catch (error) {
      this.#judge(path, false, (error as NodeJS.ErrnoException).code ?? "unreadable")
      this.#watched.again()
      return undefined
    }
  }

  #judge(path: string, isGood: boolean, fault: string): boolean {
    if (isGood) this.#faults.delete(path)
    else if (this.#faults.get(path) !== fault) {
      this.#faults.set(path, fault)
      this.#onFault(path, fault)
    }
    return isGood
  }
}
