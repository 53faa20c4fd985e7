import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"

const algorithm = "aes-256-gcm"
const nonceBytes = 12
const tagBytes = 16
export const newSealingKey = (): string => randomBytes(32).toString("base64url")

/** Encrypts and authenticates text; `name` is bound to it, so that one sealed text cannot stand in another's place. */
export const seal = (key: string, name: string, text: string): string => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, Buffer.from(key, "base64url"), nonce)
  cipher.setAAD(Buffer.from(name, "utf8"))
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url")
}

/** @throws when the key is another one or a bit was changed */
export const unseal = (key: string, name: string, sealed: string): string => {
  const bytes = Buffer.from(sealed, "base64url")
  const decipher = createDecipheriv(algorithm, Buffer.from(key, "base64url"), bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(name, "utf8"))
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString("utf8")
}
