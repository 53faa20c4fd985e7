import { Data, Either, Schema } from "effect"
import { type ClusterDocument, openDocument } from "./document.ts"
import { decodeOperatorNonce, type JoinRequest, joinProof, operatorSignature } from "./enrolment.ts"
import type { ClusterMaterial } from "./material.ts"
import { nonceHeader, path, signatureHeader } from "./names.ts"
import { decodeJson, SpkiText } from "./signed.ts"
import { refusalFrom } from "./status.ts"

/** One HTTP exchange with the relay; every status is an answer. How it gets there (proxies, roots, time) is the program's own. */
export type Ask = (
  url: string,
  request: {
    readonly method: "GET" | "POST" | "PUT" | "DELETE"
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
  },
) => Promise<{ readonly status: number; readonly text: string }>

/** The relay does not do what a cluster's side asks. `cause` is its own word, `HttpStatus` when it is not a relay that answers. Never holds a token. */
export class RelayRefused extends Data.TaggedError("RelayRefused")<{
  readonly relayUrl: string
  /** What was asked, as "the join". */
  readonly what: string
  readonly status: number
  readonly cause: string
  readonly detail: string
}> {
  override get message(): string {
    return `the relay ${this.relayUrl} refused ${this.what} (${this.cause}): ${this.detail}`
  }
}

/** `joined`: the token was taken. `registered`: it was not, but this identity is registered already, which is all that it was for. */
export type Joined = "joined" | "registered"

type Subject = Pick<ClusterMaterial, "identityKey" | "document" | "signedDocument">

/**
 * Registers a cluster with a join token, proving that we hold the identity key. A spent, expired or unknown token with a valid
 * registration of the same key is success. Rejects with {@link RelayRefused}, or as `ask` does when nothing answers.
 */
export const join = async (material: Subject, token: string, ask: Ask): Promise<Joined> => {
  const { clusterName: cluster, relayUrl } = material.document
  const body: JoinRequest = {
    cluster,
    token,
    document: material.signedDocument,
    proof: joinProof(material.identityKey, { relayUrl, cluster, token }),
  }
  const answer = await ask(relayUrl + path.join, { method: "POST", body })
  if (isSuccess(answer)) return "joined"
  if (answer.status < 500 && (await isRegistered(material, ask))) return "registered"
  throw refused(relayUrl, "the join", answer)
}

/** Whether the relay knows this cluster by this identity key: only then does it answer the key's signature. */
export const isRegistered = (material: Subject, ask: Ask): Promise<boolean> =>
  relayView(material, ask).then(
    () => true,
    (error: unknown) => {
      if (error instanceof RelayRefused) return false
      throw error
    },
  )

/** A control session as the relay tells the cluster's own side of it. */
export const RelaySession = Schema.Struct({
  instance: Schema.String,
  /** SPKI of the session key that the agent proved to hold. */
  sessionKey: SpkiText,
  /** Of the document that the agent showed. */
  documentSerial: Schema.Int,
})
export type RelaySession = typeof RelaySession.Type
const View = Schema.Struct({
  sessions: Schema.Array(RelaySession),
  /** A relay of the version before this one does not tell it. */
  document: Schema.optional(Schema.String),
})

/** What a relay has of a cluster. */
export interface RelayView {
  readonly sessions: readonly RelaySession[]
  /** The document by which it admits agents, verified: the relay cannot make one up. Undefined when it has none or does not tell. */
  readonly document: ClusterDocument | undefined
}

/** 16 sessions, the most that a relay takes of one cluster, are below 8 KiB; a document is at most 64 KiB. */
const maxViewBytes = 256 * 1024

/** The cluster's control sessions and document. Rejects with {@link RelayRefused} when this identity is not registered, and as `ask` does. */
export const relayView = async (material: Subject, ask: Ask): Promise<RelayView> => {
  const { clusterName, relayUrl } = material.document
  const answer = await operatorCall(material, "GET", path.sessions(clusterName), ask)
  if (!isSuccess(answer)) throw refused(relayUrl, "to tell the sessions", answer)
  const decoded = decodeJson("sessions", View, answer.text, maxViewBytes)
  if (Either.isRight(decoded)) {
    const { sessions, document } = decoded.right
    return { sessions, document: document === undefined ? undefined : ownDocument(material, document) }
  }
  const { message: detail } = decoded.left
  const { status } = answer
  throw new RelayRefused({ relayUrl, what: "to tell the sessions", status, cause: "AnswerMalformed", detail })
}

/** Undefined unless this identity signed it for this cluster at this relay. */
const ownDocument = ({ document: own }: Subject, text: string): ClusterDocument | undefined =>
  Either.getOrUndefined(
    Either.filterOrLeft(
      openDocument(text),
      ({ identityKey, clusterName, relayUrl }) =>
        identityKey === own.identityKey && clusterName === own.clusterName && relayUrl === own.relayUrl,
      () => "of another cluster",
    ),
  )

/** Publishes the document: from then on the relay hands it out and admits by it. Doing so again is harmless. Rejects as {@link relayView}. */
export const publishDocument = async (material: Subject, ask: Ask): Promise<void> => {
  const { clusterName, relayUrl } = material.document
  const answer = await operatorCall(material, "PUT", path.document(clusterName), ask, material.signedDocument)
  if (!isSuccess(answer)) throw refused(relayUrl, "the cluster document", answer)
}

/** Ends the registration; one that is not there is as good. Rejects as {@link relayView}. */
export const deregister = async (material: Subject, ask: Ask): Promise<void> => {
  const { clusterName, relayUrl } = material.document
  const answer = await operatorCall(material, "DELETE", path.registration(clusterName), ask)
  if (!isSuccess(answer) && causeOf(answer) !== "OperatorCallRefused")
    throw refused(relayUrl, "the deregistration", answer)
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** One HTTP call in the identity key's name, with a nonce of its own. */
const operatorCall = async (
  { identityKey, document }: Subject,
  method: "GET" | "PUT" | "DELETE",
  target: string,
  ask: Ask,
  body?: string,
): Promise<Answer> => {
  const { clusterName: cluster, relayUrl } = document
  const challenge = await ask(relayUrl + path.challenge, { method: "POST", body: {} })
  const nonce = decodeOperatorNonce(challenge.text)
  if (!isSuccess(challenge) || Either.isLeft(nonce)) throw refused(relayUrl, "a challenge", challenge)
  const signed = { nonce: nonce.right.nonce, relayUrl, cluster, method, path: target, body: Buffer.from(body ?? "") }
  return ask(relayUrl + target, {
    method,
    headers: {
      [nonceHeader]: signed.nonce,
      [signatureHeader]: operatorSignature(identityKey, signed),
      ...(body === undefined ? {} : { "content-type": "text/plain" }),
    },
    ...(body === undefined ? {} : { body }),
  })
}

const isSuccess = ({ status }: Answer): boolean => status >= 200 && status < 300
const causeOf = ({ status, text }: Answer): string => refusalFrom(status, text)?.cause ?? "HttpStatus"
const refused = (relayUrl: string, what: string, answer: Answer): RelayRefused =>
  new RelayRefused({
    relayUrl,
    what,
    status: answer.status,
    cause: causeOf(answer),
    detail:
      refusalFrom(answer.status, answer.text)?.message ??
      `it answered with status ${answer.status}; is this URL a ClusterConnect relay?`,
  })
