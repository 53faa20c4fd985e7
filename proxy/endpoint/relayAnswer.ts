import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http"
import type { Timings } from "../../protocol/serverTiming.ts"
import { closeAfter, cut, refuse } from "./answers.ts"
import { responseHeaders } from "./headers.ts"

export interface Answering {
  readonly cluster: string
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly upstream: ClientRequest
  readonly answer: IncomingMessage
  readonly timings: Timings
}

/** Whether an answer says by itself where it ends (RFC 9112 section 6.3). The end of a connection would not tell whole from cut. */
export const saysItsEnd = (method: string, answer: IncomingMessage): boolean =>
  method === "HEAD" ||
  answer.statusCode === 204 ||
  answer.statusCode === 304 ||
  answer.headers["content-length"] !== undefined ||
  answer.headers["transfer-encoding"]?.toLowerCase() === "chunked"

/**
 * Passes an answer on to the local client, head first and at once. What is cut on the way is cut for the client too.
 * `finish(true)` when all of it has come and the connection may carry the next request.
 */
export const relayAnswer = (
  { cluster, req, res, upstream, answer, timings }: Answering,
  finish: (whole: boolean) => void,
): void => {
  if (!saysItsEnd(req.method ?? "GET", answer)) {
    answer.on("error", () => {}).destroy()
    refuse(req, res, {
      code: 502,
      hop: "auth-proxy",
      cause: "AnswerWithoutEnd",
      message: `the auth proxy of cluster ${cluster} gave an answer that does not say where it ends`,
    })
    finish(false)
    return
  }
  let ended = false
  let closed = false
  const broken = () => {
    if (ended) return
    cut(req, res)
    finish(false)
  }
  // Only after both events is the connection free: one that is used again at `end` loses the next answer.
  const settle = () => {
    if (!ended || !closed) return
    finish(req.complete && answer.headers.connection?.toLowerCase() !== "close")
  }
  answer.on("error", broken).on("aborted", broken)
  answer.on("close", broken)
  upstream.on("close", () => {
    closed = true
    settle()
  })
  answer.on("end", () => {
    if (!answer.complete) return broken()
    ended = true
    if (!req.complete) closeAfter(req, res)
    res.end()
    // Answered before all was sent: nobody takes the rest, so the upstream request may never end by itself.
    if (!upstream.writableFinished) finish(false)
    else settle()
  })
  res.sendDate = false
  res.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? "", responseHeaders(answer.rawHeaders, timings))
  res.flushHeaders()
  answer.pipe(res, { end: false })
}
