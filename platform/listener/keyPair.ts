import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { Data } from "effect"

/** The certificate and key files of a listener cannot be used. */
export class KeyPairInvalid extends Data.TaggedError("KeyPairInvalid")<{
  readonly certFile: string
  readonly keyFile: string
  readonly detail: string
  /** A file could not be read at all: what is in it may be good. */
  readonly unread?: true
}> {
  override get message(): string {
    return `certificate ${this.certFile} and key ${this.keyFile} cannot be used: ${this.detail}`
  }
}

export interface KeyPairFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface LoadedKeyPair {
  readonly cert: string
  readonly key: string
  readonly leaf: X509Certificate
}

/** Reads both files and proves that the key is the leaf's; throws {@link KeyPairInvalid}. Half of a replaced pair is refused here. */
export function readKeyPair(files: KeyPairFiles): LoadedKeyPair {
  const { certFile, keyFile } = files
  const refuse = (detail: string) => new KeyPairInvalid({ certFile, keyFile, detail })
  const read = (path: string) => {
    try {
      return readFileSync(path, "utf8")
    } catch (error) {
      const detail = `${path}: ${(error as NodeJS.ErrnoException).code ?? "unreadable"}`
      throw new KeyPairInvalid({ certFile, keyFile, detail, unread: true })
    }
  }
  const cert = read(certFile)
  const key = read(keyFile)
  const leaf = attempt(() => new X509Certificate(cert))
  if (!leaf) throw refuse("the certificate file does not begin with a PEM certificate")
  const privateKey = attempt(() => createPrivateKey(key))
  if (!privateKey) throw refuse("the key file holds no PEM private key without a passphrase")
  if (!leaf.checkPrivateKey(privateKey)) throw refuse("the key does not belong to the certificate")
  return { cert, key, leaf }
}

function attempt<A>(parse: () => A): A | undefined {
  try {
    return parse()
  } catch {
    // The parser's text may quote the file.
    return undefined
  }
}
