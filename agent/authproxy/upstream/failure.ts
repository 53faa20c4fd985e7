import type { ClientRequest } from "node:http"
import type { ApiServer } from "./ApiServer.ts"
import {
  ApiServerAnswerRefused,
  ApiServerConnectionLost,
  ApiServerSilent,
  ApiServerUnreachable,
  OutcomeUnknown,
} from "./refusals.ts"

export type UpstreamRefusal = ApiServerUnreachable | ApiServerConnectionLost | OutcomeUnknown | ApiServerAnswerRefused

/** What a failed request without an answer means to the caller. Only the first case is certain not to have taken effect. */
export const upstreamRefusal = (
  api: ApiServer,
  request: ClientRequest,
  method: string,
  error: NodeJS.ErrnoException,
): UpstreamRefusal => {
  const code = error.code ?? error.name
  if (!request.reusedSocket && !api.wasSecured(request.socket)) return new ApiServerUnreachable({ detail: code })
  if (code.startsWith("HPE_")) return new ApiServerAnswerRefused({ detail: "it is not well-formed HTTP" })
  return isRead(method)
    ? new ApiServerConnectionLost({ detail: code })
    : new OutcomeUnknown({ detail: `the connection was lost (${code})` })
}

/** What it means that the API server has taken a request and shows no sign of life. */
export const silenceRefusal = (method: string): ApiServerSilent | OutcomeUnknown =>
  isRead(method)
    ? new ApiServerSilent({})
    : new OutcomeUnknown({ detail: "it does not even answer whether it is alive" })

const isRead = (method: string): boolean => method === "GET" || method === "HEAD"

/** Whether a request may be sent a second time: it changes nothing, has no body, and met a connection that was just being closed. */
export const mayRetry = (
  request: ClientRequest,
  { method, body }: { readonly method: string; readonly body: { readonly kind: string } },
  error: NodeJS.ErrnoException,
): boolean =>
  isRead(method) &&
  body.kind === "none" &&
  request.reusedSocket &&
  (error.code === "ECONNRESET" || error.code === "EPIPE")
