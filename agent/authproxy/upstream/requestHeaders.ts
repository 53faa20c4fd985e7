import { Either } from "effect"
import type { Admitted } from "../exchange/admit.ts"
import { clientHeaders } from "../exchange/clientHeaders.ts"
import { assertIdentity, identityHeaders } from "../exchange/identityHeaders.ts"
import type { EmptyIdentity } from "../exchange/refusals.ts"
import type { ApiServer } from "./ApiServer.ts"
import { ServiceAccountRootsMissing, ServiceAccountTokenMissing } from "./refusals.ts"

/**
 * The complete head for the API server, flat: what is left of the client's headers, then ours. Connection, framing, credential
 * and identity are written anew, so nothing of them can come from the client. The identity is asserted on the result.
 */
export const requestHeaders = (
  admitted: Admitted,
  api: ApiServer,
  about: { readonly auditId: string; readonly clientAddress: string },
): Either.Either<readonly string[], EmptyIdentity | ServiceAccountTokenMissing | ServiceAccountRootsMissing> => {
  const { ca, token } = api.files
  if (ca === undefined) return Either.left(new ServiceAccountRootsMissing({}))
  if (token === undefined) return Either.left(new ServiceAccountTokenMissing({}))
  const { upgrade, body, subprotocols, incoming, caller } = admitted
  const headers = [
    ...["Host", api.host],
    ...clientHeaders(incoming, { webSocket: upgrade === "websocket" }),
    ...["Authorization", `Bearer ${token}`],
    ...identityHeaders(caller),
    ...["Audit-Id", about.auditId],
    ...["X-Forwarded-For", about.clientAddress],
    ...(upgrade === undefined ? [] : ["Connection", "Upgrade", "Upgrade", upgrade]),
    ...(subprotocols.length === 0 ? [] : ["Sec-WebSocket-Protocol", subprotocols.join(", ")]),
    ...framingHeaders(admitted.incoming.method, body),
  ]
  return Either.map(assertIdentity(headers, caller), () => headers)
}

/** Without a length, a POST of nothing would be sent chunked. */
const framingHeaders = (method: string, body: Admitted["body"]): readonly string[] => {
  if (body.kind === "chunked") return ["Transfer-Encoding", "chunked"]
  if (body.kind === "length") return ["Content-Length", String(body.bytes)]
  return method === "GET" || method === "HEAD" ? [] : ["Content-Length", "0"]
}
