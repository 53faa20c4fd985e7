import { Either } from "effect"
import { maxDocumentBytes } from "../../protocol/document.ts"
import { decodeJoinRequest, maxJoinBytes, operatorNonceSeconds } from "../../protocol/enrolment.ts"
import { nonceHeader, path, signatureHeader } from "../../protocol/names.ts"
import { Administration } from "../admin/Administration.ts"
import { sessionViews } from "../admin/views.ts"
import { join } from "../enrolment/join.ts"
import { callByCluster, callByDocument, type SignedCall } from "../enrolment/operatorCall.ts"
import { type Exchange, readBody } from "../http/Exchange.ts"
import type { Route } from "../http/Route.ts"
import type { Parts } from "../Parts.ts"
import { BodyMalformed, type RelayRefusal, TooManyFailedJoins } from "../refusals.ts"
import { clusterName, count, list, object, optional, session, text } from "./shapes.ts"

/** What clusters do before and beside their control sessions. */
export const enrolmentRoutes = (parts: Parts): readonly Route[] => {
  const { store, registry, nonces, failedJoins, directory, time, audit, auditUnidentified } = parts

  const signed = (exchange: Exchange, cluster: string, body: Uint8Array): SignedCall => ({
    nonce: String(exchange.request.headers[nonceHeader] ?? ""),
    signature: String(exchange.request.headers[signatureHeader] ?? ""),
    cluster,
    method: exchange.request.method ?? "",
    path: exchange.target,
    body,
  })
  const byCluster = (exchange: Exchange): string => {
    const cluster = exchange.params.cluster ?? ""
    unwrap(callByCluster(registry, nonces, signed(exchange, cluster, new Uint8Array())))
    exchange.authenticated()
    return cluster
  }

  return [
    {
      kind: "request",
      method: "POST",
      path: path.join,
      operationId: "join",
      summary: "Bind an identity key to a cluster's name by a join token.",
      authentication: "join-token",
      takes: object({ cluster: clusterName, token: text, document: text, proof: text }),
      gives: object({ cluster: clusterName, outcome: { enum: ["joined", "registered"] } }),
      answer: async ({ request, clientAddress, authenticated }) => {
        if (failedJoins.isBlocked(clientAddress)) throw new TooManyFailedJoins()
        const decoded = decodeJoinRequest((await readBody(request, maxJoinBytes)).toString("utf8"))
        if (Either.isLeft(decoded)) {
          failedJoins.failed(clientAddress)
          throw new BodyMalformed({ detail: decoded.left.why })
        }
        // Asked again after the wait for the body: parallel attempts must not pass together.
        if (failedJoins.isBlocked(clientAddress)) throw new TooManyFailedJoins()
        const joined = join(store, registry, decoded.right, time.wall())
        const outcome = Either.isRight(joined) ? joined.right : joined.left._tag
        const tell = Either.isRight(joined) ? audit : auditUnidentified
        tell({
          time: time.wall().toISOString(),
          event: "join",
          cluster: decoded.right.cluster.slice(0, 64),
          from: clientAddress,
          outcome,
        })
        if (Either.isLeft(joined)) {
          failedJoins.failed(clientAddress)
          throw joined.left
        }
        authenticated()
        parts.changed(decoded.right.cluster)
        return { status: 200, body: { cluster: decoded.right.cluster, outcome: joined.right } }
      },
    },
    {
      kind: "request",
      method: "POST",
      path: path.challenge,
      operationId: "challenge",
      summary: "A nonce for one call signed by a cluster's identity key.",
      authentication: "none",
      gives: object({ nonce: text, expiresInSeconds: count }),
      answer: () => ({ status: 200, body: { nonce: nonces.issue(), expiresInSeconds: operatorNonceSeconds } }),
    },
    {
      kind: "request",
      method: "PUT",
      path: path.document("{cluster}"),
      operationId: "putDocument",
      summary:
        "Publish a cluster document. The body is the document's text; the call is signed by the document's identity key.",
      authentication: "identity-key",
      takes: text,
      gives: object({ serial: count }),
      answer: async (exchange) => {
        const cluster = exchange.params.cluster ?? ""
        const body = await readBody(exchange.request, maxDocumentBytes)
        const document = unwrap(callByDocument(registry, nonces, signed(exchange, cluster, body)))
        const { serial } = unwrap(registry.accept(cluster, document))
        exchange.authenticated()
        audit({
          time: time.wall().toISOString(),
          event: "document",
          cluster,
          from: exchange.clientAddress,
          serial,
          outcome: "accepted",
        })
        return { status: 200, body: { serial } }
      },
    },
    {
      kind: "request",
      method: "GET",
      path: path.sessions("{cluster}"),
      operationId: "clusterSessions",
      summary: "The cluster's control sessions and the document by which they are admitted, for its operator.",
      authentication: "identity-key",
      gives: object({ sessions: list(session), document: optional(text) }),
      answer: (exchange) => {
        const cluster = byCluster(exchange)
        const document = registry.registration(cluster)?.document
        return {
          status: 200,
          body: { sessions: sessionViews(cluster, directory), ...(document === undefined ? {} : { document }) },
        }
      },
    },
    {
      kind: "request",
      method: "DELETE",
      path: path.registration("{cluster}"),
      operationId: "deregister",
      summary: "End the cluster's registration.",
      authentication: "identity-key",
      answer: (exchange) => {
        const cluster = byCluster(exchange)
        new Administration(store, time.wall, { by: "cluster", cluster, from: exchange.clientAddress }).deregister(
          cluster,
        )
        parts.changed(cluster)
        return { status: 204 }
      },
    },
  ]
}

const unwrap = <A>(verdict: Either.Either<A, RelayRefusal>): A => {
  if (Either.isLeft(verdict)) throw verdict.left
  return verdict.right
}
