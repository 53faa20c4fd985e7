import { Either } from "effect"
import { type OperatorCall, operatorSignatureHolds } from "../../protocol/enrolment.ts"
import type { Spki } from "../../protocol/keys.ts"
import { IdentityNotRegistered, OperatorCallRefused } from "../refusals.ts"
import type { OperatorNonces } from "./OperatorNonces.ts"
import type { Registry } from "./Registry.ts"

export interface SignedCall extends Omit<OperatorCall, "relayUrl"> {
  readonly signature: string
}

/** Whether one of these keys signed the call with a nonce that is good now; it is used up by that. */
const signedBy = (
  registry: Registry,
  nonces: OperatorNonces,
  call: SignedCall,
  keys: readonly Spki[],
): Spki | undefined => {
  if (!nonces.isFresh(call.nonce)) return undefined
  const relayUrl = registry.publicUrl
  const signer = keys.find((key) => operatorSignatureHolds(key, { ...call, relayUrl }, call.signature))
  return signer !== undefined && nonces.use(call.nonce) ? signer : undefined
}

/** A call in the name of an identity that is the cluster's now, or may become it without a token. */
export const callByCluster = (
  registry: Registry,
  nonces: OperatorNonces,
  call: SignedCall,
): Either.Either<Spki, OperatorCallRefused> => {
  const current = registry.registration(call.cluster)?.identityKey
  const keys = [...(current === undefined ? [] : [current]), ...registry.listedKeys(call.cluster)]
  const signer = signedBy(registry, nonces, call, keys)
  return signer === undefined ? Either.left(new OperatorCallRefused()) : Either.right(signer)
}

/** The publication of a document, signed by the identity that the document itself is of. */
export const callByDocument = (
  registry: Registry,
  nonces: OperatorNonces,
  call: SignedCall,
): Either.Either<string, OperatorCallRefused | IdentityNotRegistered> => {
  const text = Buffer.from(call.body).toString("utf8")
  const opened = registry.openFor(call.cluster, text)
  if (Either.isLeft(opened)) return Either.left(new OperatorCallRefused({ detail: opened.left.message }))
  // Before the nonce is spent: anybody can sign with a key of their own, and spent nonces cost memory.
  if (!registry.follows(call.cluster, opened.right)) return Either.left(new IdentityNotRegistered())
  const signer = signedBy(registry, nonces, call, [opened.right.identityKey])
  return signer === undefined ? Either.left(new OperatorCallRefused()) : Either.right(text)
}
