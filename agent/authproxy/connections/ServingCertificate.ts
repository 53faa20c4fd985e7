import tls from "node:tls"
import { type WatchedFiles, watchFiles } from "../../../platform/files.ts"
import { type KeyPairFiles, KeyPairInvalid, readKeyPair } from "../../../platform/tlsListener.ts"

export interface ServingCertificateState {
  /** ISO 8601. */
  readonly notAfter: string
  readonly fingerprint256: string
  /** Why the files' present content is not in use; absent when it is. */
  readonly failure?: string
}

/**
 * The certificate that proxies see, as its files have it: a connection that begins after a change gets the new one, the others
 * go on. A pair that cannot be used is reported, and the last good one stays; one that cannot be read is reported once, and read again until it can be.
 */
export class ServingCertificate {
  readonly #files: KeyPairFiles
  readonly #onChange: (state: ServingCertificateState) => void
  readonly #watched: WatchedFiles
  #context: tls.SecureContext
  #state: ServingCertificateState

  /** @throws {KeyPairInvalid} when there is no usable pair to begin with */
  constructor(
    files: KeyPairFiles,
    onChange: (state: ServingCertificateState) => void,
    options: { readonly pollMillis?: number } = {},
  ) {
    this.#files = files
    this.#onChange = onChange
    const { context, state } = loaded(files)
    this.#context = context
    this.#state = state
    this.#watched = watchFiles([files.certFile, files.keyFile], () => this.reload(), options)
  }

  get context(): tls.SecureContext {
    return this.#context
  }

  get state(): ServingCertificateState {
    return this.#state
  }

  reload(): void {
    try {
      const { context, state } = loaded(this.#files)
      this.#context = context
      this.#state = state
    } catch (error) {
      const { message, unread } = error as KeyPairInvalid
      const { notAfter, fingerprint256, failure } = this.#state
      if (unread) this.#watched.again()
      if (unread && message === failure) return
      this.#state = { notAfter, fingerprint256, failure: message }
    }
    this.#onChange(this.#state)
  }

  close(): void {
    this.#watched.close()
  }
}

const loaded = (files: KeyPairFiles): { context: tls.SecureContext; state: ServingCertificateState } => {
  const { cert, key, leaf } = readKeyPair(files)
  try {
    return {
      context: tls.createSecureContext({ cert, key, minVersion: "TLSv1.3", maxVersion: "TLSv1.3" }),
      state: { notAfter: new Date(leaf.validTo).toISOString(), fingerprint256: leaf.fingerprint256 },
    }
  } catch {
    throw new KeyPairInvalid({ ...files, detail: "TLS does not accept the pair" })
  }
}
