import { constants, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto"

export type MintAlgorithm = "RS256" | "PS256" | "ES256" | "ES384" | "EdDSA"

export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
}

/** One key pair of each kind that an algorithm may need. */
export interface SigningKeys {
  readonly rsa: SigningKey
  readonly p256: SigningKey
  readonly p384: SigningKey
  readonly ed25519: SigningKey
}

export const newSigningKeys = (): SigningKeys => {
  const named = (pair: { privateKey: KeyObject }): SigningKey => ({ kid: randomUUID(), privateKey: pair.privateKey })
  return {
    rsa: named(generateKeyPairSync("rsa", { modulusLength: 2048 })),
    p256: named(generateKeyPairSync("ec", { namedCurve: "P-256" })),
    p384: named(generateKeyPairSync("ec", { namedCurve: "P-384" })),
    ed25519: named(generateKeyPairSync("ed25519")),
  }
}

/** The key an algorithm uses. */
export const keyFor = (keys: SigningKeys, algorithm: MintAlgorithm): SigningKey =>
  ({ RS256: keys.rsa, PS256: keys.rsa, ES256: keys.p256, ES384: keys.p384, EdDSA: keys.ed25519 })[algorithm]

/** The private JWKs of all keys; the RSA key has no `alg`, because it serves RS256 and PS256. */
export const privateJwks = (keys: SigningKeys): JsonWebKeyWithId[] => {
  const jwk = ({ kid, privateKey }: SigningKey, alg?: string) => ({
    ...privateKey.export({ format: "jwk" }),
    kid,
    use: "sig",
    ...(alg === undefined ? {} : { alg }),
  })
  return [jwk(keys.rsa), jwk(keys.p256, "ES256"), jwk(keys.p384, "ES384"), jwk(keys.ed25519, "EdDSA")]
}

export interface JsonWebKeyWithId extends Record<string, unknown> {
  readonly kid: string
}

/** A compact JWS over exactly these bytes of header and payload, so that tests can also sign what no library would. */
export const signCompact = (header: string, payload: string, algorithm: MintAlgorithm, key: KeyObject): string => {
  const input = `${Buffer.from(header).toString("base64url")}.${Buffer.from(payload).toString("base64url")}`
  const data = Buffer.from(input)
  const signature =
    algorithm === "EdDSA"
      ? sign(null, data, key)
      : algorithm === "RS256"
        ? sign("sha256", data, key)
        : algorithm === "PS256"
          ? sign("sha256", data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
          : sign(algorithm === "ES256" ? "sha256" : "sha384", data, { key, dsaEncoding: "ieee-p1363" })
  return `${input}.${signature.toString("base64url")}`
}
