import { createPrivateKey, X509Certificate } from "node:crypto"
import { Data, Either, ParseResult, Schema } from "effect"
import { type ClusterDocument, openDocument } from "../../protocol/document.ts"
import { keyFromPem, type Spki, spkiOf } from "../../protocol/keys.ts"
import { SignatureText, SpkiText } from "../../protocol/signed.ts"

const Time = Schema.String.pipe(Schema.filter((text) => Number.isFinite(Date.parse(text))))
const Key = Schema.Struct({ pem: Schema.String, madeAt: Time })
const Certificate = Schema.Struct({ certificatePem: Schema.String, keyPem: Schema.String, madeAt: Time })
/** `next` takes over once everybody trusts it; `old` goes once nobody uses it. */
const Role = Schema.Literal("next", "old")

/** What a person may ask to be replaced, by an annotation of the same name. */
export const rotatable = ["session-key", "serving-certificate", "roots", "identity"] as const
export type Rotatable = (typeof rotatable)[number]

/** Everything secret about one cluster but its identity key, and how far its rotations are. JSON in the Secret beside that key. */
const Stored = Schema.Struct({
  version: Schema.Literal(1),
  /** 32 random bytes, hex: see the children's digests. */
  digestKey: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/)),
  session: Key,
  otherSession: Schema.optional(Schema.Struct({ ...Key.fields, role: Role })),
  root: Certificate,
  otherRoot: Schema.optional(Schema.Struct({ ...Certificate.fields, role: Role })),
  leaf: Certificate,
  /** The newest document that was signed. */
  signedDocument: Schema.String,
  /** Serial of the document that the relay last accepted from us; 0 before the first. */
  publishedSerial: Schema.Int,
  previousIdentity: Schema.optional(Schema.Struct({ key: SpkiText, signature: SignatureText })),
  /** Values of the annotations that were obeyed: each value rotates once. */
  handled: Schema.Record({ key: Schema.Literal(...rotatable), value: Schema.String }).pipe(Schema.partial),
})

export interface CredentialState extends Schema.Schema.Type<typeof Stored> {
  /** PKCS #8. */
  readonly identityPem: string
}

/** The Secret of a cluster's identity cannot be used. Never replaced by itself: clients have pinned the key that was in it. */
export class CredentialsDamaged extends Data.TaggedError("CredentialsDamaged")<{ readonly detail: string }> {
  override get message(): string {
    return `the cluster's credentials are damaged: ${this.detail}`
  }
}

const identityFile = "identity.key"
const stateFile = "state.json"

/** The values of the Secret's keys. */
export const filesOfState = ({ identityPem, ...stored }: CredentialState): Readonly<Record<string, string>> => ({
  [identityFile]: identityPem,
  [stateFile]: `${JSON.stringify(Schema.encodeSync(Stored)(stored))}\n`,
})

/** The state that the Secret holds, its parts checked against each other. */
export const stateFrom = (
  files: Readonly<Record<string, string>>,
): Either.Either<CredentialState, CredentialsDamaged> => {
  const [identityPem, json] = [files[identityFile], files[stateFile]]
  if (identityPem === undefined) return damaged(`${identityFile} is missing`)
  if (json === undefined) return damaged(`${stateFile} is missing`)
  return Schema.decodeUnknownEither(Schema.parseJson(Stored))(json).pipe(
    // The formatted error would show values; the path of the field is enough.
    Either.mapLeft((error) => {
      const path = ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.path.map(String).join(".") ?? ""
      return new CredentialsDamaged({ detail: `${stateFile}: field ${path || "(top)"} cannot be read` })
    }),
    Either.map((stored): CredentialState => ({ ...stored, identityPem })),
    Either.flatMap(consistent),
  )
}

const damaged = (detail: string) => Either.left(new CredentialsDamaged({ detail }))

const consistent = (state: CredentialState): Either.Either<CredentialState, CredentialsDamaged> => {
  const { identityPem, session, otherSession, root, otherRoot, leaf } = state
  const unreadable = [
    [identityFile, () => keyFromPem(identityPem)],
    ["session", () => keyFromPem(session.pem)],
    ["otherSession", () => otherSession && keyFromPem(otherSession.pem)],
    ["root", () => pairOf(root)],
    ["otherRoot", () => otherRoot && pairOf(otherRoot)],
    ["leaf", () => pairOf(leaf)],
  ].find(([, read]) => throws(read as () => unknown))
  if (unreadable !== undefined) return damaged(`${unreadable[0]} cannot be read`)
  if (!new X509Certificate(leaf.certificatePem).verify(new X509Certificate(root.certificatePem).publicKey))
    return damaged("the leaf is not by the root")
  const document = documentOf(state)
  if (document === undefined) return damaged("the signed document cannot be read")
  if (document.identityKey !== identityOf(state)) return damaged("the document is of another identity key")
  if (!document.sessionKeys.includes(spkiOf(keyFromPem(session.pem))))
    return damaged("the document does not list the session key")
  return Either.right(state)
}

/** @throws when one of both cannot be read, or the key is not the certificate's */
const pairOf = ({ certificatePem, keyPem }: CredentialState["root"]): void => {
  if (!new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem)))
    throw new TypeError("the key is not the certificate's")
}

const throws = (read: () => unknown): boolean => {
  try {
    read()
    return false
  } catch {
    return true
  }
}

/** The newest signed document; undefined only in a state that was never checked. */
export const documentOf = ({ signedDocument }: CredentialState): ClusterDocument | undefined =>
  Either.getOrUndefined(openDocument(signedDocument))

/** The document of a checked state. */
export const documentIn = (state: CredentialState): ClusterDocument =>
  Either.getOrThrow(openDocument(state.signedDocument))

export const identityOf = ({ identityPem }: CredentialState): Spki => spkiOf(keyFromPem(identityPem))

/** As the auth proxy's `GET /status` shows it. */
export const fingerprintOf = (certificatePem: string): string => new X509Certificate(certificatePem).fingerprint256
