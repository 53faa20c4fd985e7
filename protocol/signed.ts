import type { KeyObject } from "node:crypto"
import { Either, ParseResult, Schema } from "effect"
import { isPin, isSpki, type SignatureContext, signatureOf } from "./keys.ts"

/** A message from a peer that does not have the shape agreed upon. The text names the field and never holds a value. */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", {
  what: Schema.String,
  why: Schema.String,
}) {
  override get message() {
    return `${this.what}: ${this.why}`
  }
}

export const SpkiText = Schema.String.pipe(
  Schema.filter(isSpki, { message: () => "expected the base64url of an Ed25519 SubjectPublicKeyInfo" }),
)
export const PinText = Schema.String.pipe(
  Schema.filter(isPin, { message: () => "expected sha256: and 64 hexadecimal digits" }),
)
/** 32 bytes in base64url. */
export const SecretText = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{43}$/))
/** 64 bytes in base64url. */
export const SignatureText = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{86}$/))

/** Decodes JSON text of at most `maxBytes` by a schema; unknown fields are ignored, so that newer peers may add some. */
export const decodeJson = <A, I>(
  what: string,
  schema: Schema.Schema<A, I>,
  text: string,
  maxBytes: number,
): Either.Either<A, Malformed> => {
  if (Buffer.byteLength(text) > maxBytes)
    return Either.left(new Malformed({ what, why: `more than ${maxBytes} bytes` }))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return Either.left(new Malformed({ what, why: "not JSON" }))
  }
  return Schema.decodeUnknownEither(schema)(value).pipe(
    Either.mapLeft((error) => {
      const issue = ParseResult.ArrayFormatter.formatErrorSync(error)[0]
      return new Malformed({ what, why: `field ${fieldName(issue?.path)} does not have the agreed shape` })
    }),
  )
}

/** A path may hold keys that the peer chose: bounded, and nothing that a terminal obeys. */
const maxFieldName = 200
const fieldName = (path: readonly PropertyKey[] = []): string =>
  path
    .map(String)
    .join(".")
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, maxFieldName) || "(top)"

/** Signs {@link fieldBytes} of the fields. */
export const signFields = (
  key: KeyObject,
  context: SignatureContext,
  fields: Readonly<Record<string, string>>,
): string => signatureOf(key, context, fieldBytes(fields))

/** The JSON of the fields in the order of their names, whatever order they were given in. */
export const fieldBytes = (fields: Readonly<Record<string, string>>): Uint8Array =>
  Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))), "utf8")
