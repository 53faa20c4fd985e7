import type { KeyObject } from "node:crypto"
import { Either, Schema } from "effect"
import { type Pin, pinOf, publicKeyOf, type Spki, signatureHolds, signatureOf, spkiOf } from "./keys.ts"
import { clusterNamePattern, relayUrl } from "./names.ts"
import { decodeJson, SignatureText, SpkiText } from "./signed.ts"

/** Room for two roots, two session keys and 64 issuers with long URLs. */
export const maxDocumentBytes = 64 * 1024

/** As many as the resource takes (issuer.audiences); counted in code points, as the API server does. Clients remember them. */
export const maxAudienceCharacters = 512
export const Audience = Schema.NonEmptyString.pipe(Schema.filter((text) => [...text].length <= maxAudienceCharacters))

const RelayUrl = Schema.String.pipe(
  Schema.filter((text) => {
    try {
      return relayUrl(text) === text
    } catch {
      return false
    }
  }),
)

/** What the identity key says of its cluster. Public data; its authenticity is everything. */
export const ClusterDocument = Schema.Struct({
  clusterName: Schema.String.pipe(Schema.pattern(clusterNamePattern)),
  /** scheme://host[:port] of the one relay that this identity belongs to. */
  relayUrl: RelayUrl,
  identityKey: SpkiText,
  /** The key that this one took over from, with that key's signature over the SPKI of this one. */
  previousIdentity: Schema.optionalWith(Schema.Struct({ key: SpkiText, signature: SignatureText }), { exact: true }),
  /** Keys that may open a control session; two while one replaces the other. */
  sessionKeys: Schema.Array(SpkiText).pipe(Schema.minItems(1), Schema.maxItems(2)),
  /** PEM certificates that the auth proxy's certificate must chain to; two or more while one replaces another. */
  roots: Schema.Array(Schema.String.pipe(Schema.startsWith("-----BEGIN CERTIFICATE-----"))).pipe(
    Schema.minItems(1),
    Schema.maxItems(4),
  ),
  /** The audience that a token of this issuer needs at this cluster. */
  audiences: Schema.Record({ key: Schema.String, value: Audience }).pipe(
    Schema.filter((audiences) => Object.keys(audiences).length <= 64),
  ),
  /** max(previous + 1, Unix seconds): a lower one is a replay. */
  serial: Schema.Number.pipe(Schema.int(), Schema.between(1, Number.MAX_SAFE_INTEGER)),
})
export type ClusterDocument = typeof ClusterDocument.Type

/** Why a cluster document is not to be believed. */
export class DocumentRefused extends Schema.TaggedError<DocumentRefused>()("DocumentRefused", {
  reason: Schema.Literal(
    "Malformed",
    "SignatureWrong",
    "IdentityChanged",
    "ClusterNameDiffers",
    "RelayUrlDiffers",
    "SerialLower",
  ),
  detail: Schema.String,
}) {
  override get message() {
    return `cluster document refused (${this.reason}): ${this.detail}`
  }
}

const refuse = (reason: DocumentRefused["reason"], detail: string) =>
  Either.left(new DocumentRefused({ reason, detail }))

/**
 * base64url(JSON) '.' base64url(signature).
 * @throws {TypeError} when the key is not the document's identity key, or nobody would accept the document
 */
export const signDocument = (document: ClusterDocument, identityKey: KeyObject): string => {
  if (spkiOf(identityKey) !== document.identityKey) throw new TypeError("the document names another identity key")
  const payload = Buffer.from(JSON.stringify(document), "utf8")
  const signature = signatureOf(identityKey, "clusterconnect.dev/v1/cluster-document", payload)
  const text = `${payload.toString("base64url")}.${signature}`
  const opened = openDocument(text)
  if (Either.isLeft(opened)) throw new TypeError(opened.left.message)
  return text
}

/** The old key's word that `next` takes over from it. */
export const successionSignature = (previous: KeyObject, next: Spki): string =>
  signatureOf(previous, "clusterconnect.dev/v1/identity-succession", spkiBytes(next))

const spkiBytes = (spki: Spki) => publicKeyOf(spki).export({ type: "spki", format: "der" })

/** max(previous + 1, Unix seconds), so that a rebuilt signer with a lost counter still goes forward. */
export const nextSerial = (nowMillis: number, previous = 0): number =>
  Math.max(previous + 1, Math.floor(nowMillis / 1000))

/**
 * Verifies the signature over the received bytes by the key that the document itself names, and only then trusts the parse.
 * Says nothing about whose key that is: see {@link trustDocument} and {@link identityFollows}.
 */
export const openDocument = (text: string): Either.Either<ClusterDocument, DocumentRefused> => {
  if (text.length > maxDocumentBytes) return refuse("Malformed", `more than ${maxDocumentBytes} bytes`)
  const [payload, signature, ...rest] = text.trim().split(".")
  if (!payload || !signature || rest.length > 0)
    return refuse("Malformed", "expected base64url(JSON).base64url(signature)")
  const bytes = Buffer.from(payload, "base64url")
  if (bytes.toString("base64url") !== payload) return refuse("Malformed", "expected canonical base64url")
  const json = bytes.toString("utf8")
  const named = decodeJson("cluster document", NamedIdentity, json, maxDocumentBytes)
  if (Either.isLeft(named)) return refuse("Malformed", named.left.message)
  if (!signatureHolds(named.right.identityKey, "clusterconnect.dev/v1/cluster-document", bytes, signature))
    return refuse("SignatureWrong", "the signature is not by the identity key that the document names")
  return Either.mapLeft(
    decodeJson("cluster document", ClusterDocument, json, maxDocumentBytes),
    ({ message }) => new DocumentRefused({ reason: "Malformed", detail: message }),
  )
}

/** The one field that is read before the signature was checked. */
const NamedIdentity = Schema.Struct({ identityKey: SpkiText })

/** True when the document's identity is `known`, or `known` signed it as its successor. */
export const identityFollows = (document: ClusterDocument, known: (identity: Spki) => boolean): boolean => {
  if (known(document.identityKey)) return true
  const previous = document.previousIdentity
  return (
    previous !== undefined &&
    known(previous.key) &&
    signatureHolds(
      previous.key,
      "clusterconnect.dev/v1/identity-succession",
      spkiBytes(document.identityKey),
      previous.signature,
    )
  )
}

/** What the client holds against a document that the relay handed it. */
export interface Expectation {
  readonly pin: Pin
  readonly clusterName: string
  /** Normalised by {@link relayUrl}. */
  readonly relayUrl: string
  /** The highest serial seen so far. */
  readonly serial?: number
}

/** The only way for a client from a received text to a document that it may act upon. */
export const trustDocument = (text: string, expected: Expectation): Either.Either<ClusterDocument, DocumentRefused> =>
  Either.flatMap(openDocument(text), (document) => {
    if (!identityFollows(document, (identity) => pinOf(identity) === expected.pin))
      return refuse(
        "IdentityChanged",
        `the identity of cluster ${expected.clusterName} is ${pinOf(document.identityKey)}, but ${expected.pin} is pinned`,
      )
    if (document.clusterName !== expected.clusterName)
      return refuse("ClusterNameDiffers", `it is for ${document.clusterName}, not for ${expected.clusterName}`)
    if (document.relayUrl !== expected.relayUrl)
      return refuse("RelayUrlDiffers", `it is for ${document.relayUrl}, not for ${expected.relayUrl}`)
    if (expected.serial !== undefined && document.serial < expected.serial)
      return refuse("SerialLower", `serial ${document.serial} is older than ${expected.serial}, which was seen before`)
    return Either.right(document)
  })
