import { readFileSync } from "node:fs"
import { watchFiles } from "../../../platform/files.ts"

/**
 * The token and the roots that the auth proxy uses towards the API server, as their files had them a second ago. A file that cannot
 * be read leaves what was read last: the API server decides whether it is still good, and its 401 has them read again.
 */
export class ServiceAccountFiles {
  readonly #tokenFile: string
  readonly #caFile: string
  readonly #onFault: (file: string, fault: string) => void
  readonly #stop: () => void
  #token: string | undefined
  #ca: string | undefined

  constructor(options: {
    readonly tokenFile: string
    readonly caFile: string
    readonly pollMillis?: number
    /** The file and why it is not used; never what is in it. */
    readonly onFault: (file: string, fault: string) => void
  }) {
    this.#tokenFile = options.tokenFile
    this.#caFile = options.caFile
    this.#onFault = options.onFault
    this.reread()
    const polled = options.pollMillis === undefined ? {} : { pollMillis: options.pollMillis }
    const watched = watchFiles([options.tokenFile, options.caFile], () => this.reread(), polled)
    this.#stop = () => watched.close()
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
    if (token !== undefined && /^[!-~]+$/.test(token)) this.#token = token
    else if (token !== undefined) this.#onFault(this.#tokenFile, "it holds no token")
    const ca = this.#read(this.#caFile)
    if (ca?.includes("-----BEGIN CERTIFICATE-----")) this.#ca = ca
    else if (ca !== undefined) this.#onFault(this.#caFile, "it holds no PEM certificate")
  }

  close(): void {
    this.#stop()
  }

  #read(path: string): string | undefined {
    try {
      return readFileSync(path, "utf8")
    } catch (error) {
      this.#onFault(path, (error as NodeJS.ErrnoException).code ?? "unreadable")
      return undefined
    }
  }
}
