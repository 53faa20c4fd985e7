import { Data, Either } from "effect"
import { type JsonAnswer, type Route, requestJson } from "../../platform/outbound.ts"
import { decodeOperatorNonce, type JoinRequest, joinProof, operatorSignature } from "../../protocol/enrolment.ts"
import type { ClusterMaterial } from "../../protocol/material.ts"
import { nonceHeader, path, signatureHeader } from "../../protocol/names.ts"
import { refusalFrom } from "../../protocol/status.ts"

/** The relay does not register this cluster. `cause` is its own word. Never holds the token. */
export class JoinRefused extends Data.TaggedError("JoinRefused")<{
  readonly relayUrl: string
  readonly status: number
  readonly cause: string
  readonly detail: string
}> {
  override get message(): string {
    return `the relay ${this.relayUrl} refused the join (${this.cause}): ${this.detail}`
  }
}

/** `joined`: the token was taken. `registered`: it was not, but this identity is registered already, which is all that it was for. */
export type Joined = "joined" | "registered"

type Subject = Pick<ClusterMaterial, "identityKey" | "document" | "signedDocument">

/**
 * Registers a cluster with a join token, proving that we hold the identity key. A spent, expired or unknown token with a valid
 * registration of the same key is success. Rejects with {@link JoinRefused}, or as `requestJson` does when nothing answers.
 */
export const join = async (material: Subject, token: string, route: Route = {}): Promise<Joined> => {
  const { clusterName: cluster, relayUrl } = material.document
  const body: JoinRequest = {
    cluster,
    token,
    document: material.signedDocument,
    proof: joinProof(material.identityKey, { relayUrl, cluster, token }),
  }
  const answer = await requestJson(relayUrl + path.join, { ...route, method: "POST", body })
  if (answer.status >= 200 && answer.status < 300) return "joined"
  if (answer.status < 500 && (await isRegistered(material, route))) return "registered"
  const said = refusalFrom(answer.status, answer.text)
  throw new JoinRefused({
    relayUrl,
    status: answer.status,
    cause: said?.cause ?? "HttpStatus",
    detail: said?.message ?? `it answered with status ${answer.status}; is this URL a ClusterConnect relay?`,
  })
}

/** Whether the relay knows this cluster by this identity key: only then does it answer the key's signature. */
export const isRegistered = async (material: Subject, route: Route = {}): Promise<boolean> => {
  const answer = await operatorCall(material, "GET", path.sessions(material.document.clusterName), route)
  return answer !== undefined && answer.status >= 200 && answer.status < 300
}

/** One HTTP call in the identity key's name, with a nonce of its own. Undefined when the relay gives no nonce. */
const operatorCall = async (
  { identityKey, document }: Subject,
  method: "GET",
  target: string,
  route: Route,
): Promise<JsonAnswer | undefined> => {
  const { clusterName: cluster, relayUrl } = document
  const challenge = await requestJson(relayUrl + path.challenge, { ...route, method: "POST", body: {} })
  const nonce = decodeOperatorNonce(challenge.text)
  if (challenge.status !== 200 || Either.isLeft(nonce)) return undefined
  const call = { nonce: nonce.right.nonce, relayUrl, cluster, method, path: target, body: new Uint8Array() }
  return requestJson(relayUrl + target, {
    ...route,
    method,
    headers: { [nonceHeader]: call.nonce, [signatureHeader]: operatorSignature(identityKey, call) },
  })
}
