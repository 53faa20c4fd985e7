import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto"

/** An Ed25519 public key as base64url of its DER SubjectPublicKeyInfo (RFC 8410): the form in every message and document. */
export type Spki = string

/** `sha256:` and the lower-case hexadecimal SHA-256 of the SPKI: the identity pin. */
export type Pin = `sha256:${string}`

/** A new Ed25519 private key; it exists only in this process until it is written. */
export const newKey = (): KeyObject => generateKeyPairSync("ed25519").privateKey

export const keyToPem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }) as string

/** @throws {TypeError} when the PEM is no Ed25519 private key; the text never holds key material */
export const keyFromPem = (pem: string): KeyObject => {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    throw new TypeError("expected a PEM private key (PKCS #8)")
  }
  if (key.asymmetricKeyType !== "ed25519")
    throw new TypeError(`expected an Ed25519 private key, found ${key.asymmetricKeyType}`)
  return key
}

/** The SPKI of a private or public Ed25519 key. */
export const spkiOf = (key: KeyObject): Spki =>
  (key.type === "private" ? createPublicKey(key) : key).export({ type: "spki", format: "der" }).toString("base64url")

/** @throws {TypeError} when it is not exactly the canonical base64url of an Ed25519 SPKI */
export const publicKeyOf = (spki: Spki): KeyObject => {
  const bytes = Buffer.from(spki, "base64url")
  // 12 bytes of algorithm header and 32 of key: anything else is another kind of key or another spelling of this one.
  if (bytes.length !== 44 || bytes.toString("base64url") !== spki)
    throw new TypeError("expected the base64url of an Ed25519 SubjectPublicKeyInfo (44 bytes)")
  let key: KeyObject
  try {
    key = createPublicKey({ key: bytes, format: "der", type: "spki" })
  } catch {
    throw new TypeError("expected the base64url of an Ed25519 SubjectPublicKeyInfo (44 bytes)")
  }
  if (key.asymmetricKeyType !== "ed25519")
    throw new TypeError(`expected an Ed25519 key, found ${key.asymmetricKeyType}`)
  return key
}

export const isSpki = (text: string): boolean => {
  try {
    publicKeyOf(text)
    return true
  } catch {
    return false
  }
}

export const pinOf = (spki: Spki): Pin =>
  `sha256:${createHash("sha256").update(Buffer.from(spki, "base64url")).digest("hex")}`

export const isPin = (text: string): text is Pin => /^sha256:[0-9a-f]{64}$/.test(text)

/** The key as a public JWK (RFC 8037): `status.identityKey`, and what an administrator lists at the relay. */
export const jwkOf = (spki: Spki): { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string } => ({
  kty: "OKP",
  crv: "Ed25519",
  x: Buffer.from(spki, "base64url").subarray(12).toString("base64url"),
})

/** DER of SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING of 32 bytes } up to the key's own bytes (RFC 8410 section 4). */
const spkiHeader = Buffer.from("302a300506032b6570032100", "hex")

/** @throws {TypeError} when it is no public Ed25519 JWK in its one spelling, or holds a private key */
export const spkiFromJwk = (jwk: unknown): Spki => {
  const { kty, crv, x, d } = (typeof jwk === "object" && jwk !== null ? jwk : {}) as Record<string, unknown>
  if (d !== undefined) throw new TypeError('expected a public JWK, found a private one ("d"): make a new key')
  const spki =
    typeof x === "string" ? Buffer.concat([spkiHeader, Buffer.from(x, "base64url")]).toString("base64url") : ""
  if (kty !== "OKP" || crv !== "Ed25519" || !isSpki(spki) || jwkOf(spki).x !== x)
    throw new TypeError('expected a public JWK with "kty": "OKP", "crv": "Ed25519" and "x", the base64url of 32 bytes')
  return spki
}

/**
 * What a signature is for. Every kind has its own context, so that a signature made for one purpose is worthless for another.
 * The signed bytes are the context, a NUL and the payload.
 */
export type SignatureContext =
  | "clusterconnect.dev/v1/cluster-document"
  | "clusterconnect.dev/v1/identity-succession"
  | "clusterconnect.dev/v1/control-session"
  | "clusterconnect.dev/v1/join"
  | "clusterconnect.dev/v1/operator-call"

const signedBytes = (context: SignatureContext, payload: Uint8Array) =>
  Buffer.concat([Buffer.from(`${context}\0`, "utf8"), payload])

/** Ed25519 (RFC 8032) over context, NUL and payload; base64url. */
export const signatureOf = (key: KeyObject, context: SignatureContext, payload: Uint8Array): string =>
  sign(null, signedBytes(context, payload), key).toString("base64url")

/** False for a wrong signature, a malformed one and a malformed key alike. */
export const signatureHolds = (
  spki: Spki,
  context: SignatureContext,
  payload: Uint8Array,
  signature: string,
): boolean => {
  const bytes = Buffer.from(signature, "base64url")
  // One signature has one spelling: decoding forgives padding, blanks and foreign characters.
  if (bytes.length !== 64 || bytes.toString("base64url") !== signature || !isSpki(spki)) return false
  return verify(null, signedBytes(context, payload), publicKeyOf(spki), bytes)
}
