import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import { releaseBody } from "../../../platform/tlsListener.ts"
import { type Refusal, refusalResponse } from "../../../protocol/status.ts"
import type { Account } from "./Account.ts"
import type { AdmissionRefusal } from "./admit.ts"
import { valuesOf } from "./Incoming.ts"

/** A client that is still sending its body gets this long to stop and read the answer. */
const lingerMillis = 2_000

/** One place turns refusals into answers. An identity provider that cannot be asked is named as the hop that failed. */
export const refusalOf = (refused: AdmissionRefusal): Refusal => ({
  code: refused.httpStatus,
  hop: "hop" in refused ? refused.hop : refused.httpStatus === 503 ? "identity-provider" : "auth-proxy",
  cause: refused._tag,
  message: refused.message,
})

/** Answers a plain request with a Status. The connection is kept only when the request was read to its end. */
export const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  refused: AdmissionRefusal,
  account: Account,
): void => {
  const refusal = refusalOf(refused)
  const { headers, body } = refusalResponse(refusal, request.url)
  account.answered(refusal.code, refusal.cause)
  response.sendDate = false
  const unread = isUnread(request)
  response.writeHead(refusal.code, { ...headers, ...(unread ? { connection: "close" } : {}) })
  response.end(body)
  account.sent(Buffer.byteLength(body))
  response.once("close", () => account.settle())
  if (unread) discardRest(request)
}

/** True while bytes of the request's body may still come. A bodiless request counts as read before the parser says so. */
export const isUnread = (request: IncomingMessage): boolean =>
  !request.complete &&
  (valuesOf(request.rawHeaders, "transfer-encoding").length > 0 ||
    valuesOf(request.rawHeaders, "content-length").some((length) => Number(length) !== 0))

/** Reads what the client still sends, for a moment, then closes: a reset would overtake the answer. */
export const discardRest = (request: IncomingMessage): void => {
  const { socket } = request
  if (!isUnread(request)) return
  const late = setTimeout(() => socket.destroy(), lingerMillis)
  const done = () => {
    clearTimeout(late)
    socket.destroySoon()
  }
  request.once("end", done)
  socket.once("close", () => clearTimeout(late))
  releaseBody(request)
}

/** Answers an upgrade request, whose socket is ours, with a Status, and closes. */
export const refuseUpgrade = (socket: Socket, refused: AdmissionRefusal, account: Account): void => {
  const refusal = refusalOf(refused)
  const { headers, body } = refusalResponse(refusal)
  account.answered(refusal.code, refusal.cause)
  account.sent(Buffer.byteLength(body))
  socket.once("close", () => account.settle())
  if (!socket.writable) return void socket.destroy()
  socket.end(responseHead(refusal.code, [...Object.entries(headers).flat(), "connection", "close"]) + body, "latin1")
  closeAfterAnswer(socket)
}

/** Discards what the peer sends until it has closed too, for a moment; then the socket goes. */
export const closeAfterAnswer = (socket: Socket): void => {
  const late = setTimeout(() => socket.destroy(), lingerMillis)
  socket.once("close", () => clearTimeout(late))
  socket.once("end", () => socket.destroySoon())
  socket.resume()
}

/** A response head as latin1 text, with our own reason phrase. `headers` flat, as they are to stand on the wire. */
export const responseHead = (code: number, headers: readonly string[]): string => {
  const lines: string[] = []
  for (let index = 0; index + 1 < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`)
  return `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ""}\r\n${lines.join("\r\n")}\r\n\r\n`
}
