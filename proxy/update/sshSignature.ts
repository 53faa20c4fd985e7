import { createHash, createPublicKey, verify } from "node:crypto"

/** A signature file that is not one, or not of this message by one of these keys. */
export class SignatureInvalid extends Error {
  override readonly name = "SignatureInvalid"
}

const armour = /^-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END SSH SIGNATURE-----\s*$/
const keyType = "ssh-ed25519"

/**
 * Verifies what `ssh-keygen -Y sign` wrote (OpenSSH's PROTOCOL.sshsig, version 1, Ed25519 only) over the message.
 * `publicKeys` are base64 key blobs as in an allowed_signers file. @throws {SignatureInvalid}
 */
export const verifySshSignature = (
  message: Uint8Array,
  signatureFile: string,
  namespace: string,
  publicKeys: readonly string[],
): void => {
  const [, base64 = ""] = armour.exec(signatureFile) ?? []
  const fields = new Fields(Buffer.from(base64, "base64"))
  if (fields.bytes(6).toString("latin1") !== "SSHSIG" || fields.bytes(4).readUInt32BE() !== 1)
    throw new SignatureInvalid("not an SSH signature of version 1")
  const publicKey = fields.string()
  const signed = { namespace: fields.string().toString(), reserved: fields.string(), hash: fields.string().toString() }
  const signature = new Fields(fields.string())
  fields.end()
  if (!publicKeys.includes(publicKey.toString("base64")))
    throw new SignatureInvalid("signed by a key that is not a release key")
  if (signed.namespace !== namespace)
    throw new SignatureInvalid(`signed for ${JSON.stringify(signed.namespace)}, expected ${JSON.stringify(namespace)}`)
  if (signed.hash !== "sha512" && signed.hash !== "sha256") throw new SignatureInvalid("unknown hash in the signature")
  if (signature.string().toString() !== keyType) throw new SignatureInvalid("not an Ed25519 signature")
  const raw = signature.string()
  signature.end()
  const digest = createHash(signed.hash).update(message).digest()
  const covered = Buffer.concat([
    Buffer.from("SSHSIG"),
    ...[Buffer.from(namespace), signed.reserved, Buffer.from(signed.hash), digest].map(withLength),
  ])
  if (!verify(null, covered, ed25519(publicKey), raw)) throw new SignatureInvalid("the signature does not match")
}

const ed25519 = (blob: Buffer) => {
  const fields = new Fields(blob)
  if (fields.string().toString() !== keyType) throw new SignatureInvalid("not an Ed25519 key")
  const x = fields.string()
  fields.end()
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: x.toString("base64url") }, format: "jwk" })
}

const withLength = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Reads SSH's length-prefixed fields; throws {@link SignatureInvalid} past the end. */
class Fields {
  #at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  bytes(length: number): Buffer {
    const from = this.#at
    if (from + length > this.#bytes.length) throw new SignatureInvalid("the signature is cut or no signature")
    this.#at += length
    return this.#bytes.subarray(from, this.#at)
  }

  string(): Buffer {
    return this.bytes(this.bytes(4).readUInt32BE())
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new SignatureInvalid("bytes after the signature")
  }
}
