import { createHash, type KeyObject } from "node:crypto"
import { type Either, Schema } from "effect"
import { maxDocumentBytes } from "./document.ts"
import { type Spki, signatureHolds } from "./keys.ts"
import { decodeJson, fieldBytes, type Malformed, SecretText, SignatureText, signFields } from "./signed.ts"

/** What the agent signs with its session key to open a control session. Naming the relay makes the answer worthless elsewhere. */
export interface ChallengeFields {
  readonly nonce: string
  readonly relayUrl: string
  readonly cluster: string
  readonly instance: string
}
const challengeFields = ({ nonce, relayUrl, cluster, instance }: ChallengeFields) => ({
  nonce,
  relayUrl,
  cluster,
  instance,
})

export const challengeAnswer = (sessionKey: KeyObject, fields: ChallengeFields): string =>
  signFields(sessionKey, "clusterconnect.dev/v1/control-session", challengeFields(fields))
export const challengeAnswerHolds = (sessionKey: Spki, fields: ChallengeFields, signature: string): boolean =>
  signatureHolds(sessionKey, "clusterconnect.dev/v1/control-session", fieldBytes(challengeFields(fields)), signature)

/** A join token is a secret that somebody carries to the cluster: it lives as long as that takes. */
export const maxJoinTokenSeconds = 30 * 60
export const defaultJoinTokenSeconds = 15 * 60

/** Proof of possession of the identity key, bound to one token at one relay. */
export interface JoinFields {
  readonly relayUrl: string
  readonly cluster: string
  readonly token: string
}
const joinFields = ({ relayUrl, cluster, token }: JoinFields) => ({
  relayUrl,
  cluster,
  tokenSha256: createHash("sha256").update(token).digest("base64url"),
})

export const joinProof = (identityKey: KeyObject, fields: JoinFields): string =>
  signFields(identityKey, "clusterconnect.dev/v1/join", joinFields(fields))
export const joinProofHolds = (identityKey: Spki, fields: JoinFields, signature: string): boolean =>
  signatureHolds(identityKey, "clusterconnect.dev/v1/join", fieldBytes(joinFields(fields)), signature)

/** Body of `POST /v1/join`. */
export const JoinRequest = Schema.Struct({
  cluster: Schema.String,
  token: Schema.String.pipe(Schema.maxLength(512)),
  document: Schema.String.pipe(Schema.maxLength(maxDocumentBytes)),
  proof: SignatureText,
})
export type JoinRequest = typeof JoinRequest.Type
export const maxJoinBytes = maxDocumentBytes + 4 * 1024
export const decodeJoinRequest = (text: string): Either.Either<JoinRequest, Malformed> =>
  decodeJson("join request", JoinRequest, text, maxJoinBytes)

/** Answer of `POST /v1/challenge`: good once, for 60 s. */
export const operatorNonceSeconds = 60
export const OperatorNonce = Schema.Struct({ nonce: SecretText, expiresInSeconds: Schema.Number })
export type OperatorNonce = typeof OperatorNonce.Type
export const decodeOperatorNonce = (text: string): Either.Either<OperatorNonce, Malformed> =>
  decodeJson("challenge", OperatorNonce, text, 1024)

/** An operator's HTTP call, signed by the identity key. */
export interface OperatorCall {
  readonly nonce: string
  readonly relayUrl: string
  readonly cluster: string
  readonly method: string
  readonly path: string
  readonly body: Uint8Array
}
const callFields = ({ nonce, relayUrl, cluster, method, path, body }: OperatorCall) => ({
  nonce,
  relayUrl,
  cluster,
  method,
  path,
  bodySha256: createHash("sha256").update(body).digest("base64url"),
})

export const operatorSignature = (identityKey: KeyObject, call: OperatorCall): string =>
  signFields(identityKey, "clusterconnect.dev/v1/operator-call", callFields(call))
export const operatorSignatureHolds = (identityKey: Spki, call: OperatorCall, signature: string): boolean =>
  signatureHolds(identityKey, "clusterconnect.dev/v1/operator-call", fieldBytes(callFields(call)), signature)
