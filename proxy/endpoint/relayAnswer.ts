import { type ClientRequest, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http"
import type { Timings } from "../../protocol/serverTiming.ts"
import type { Refusal } from "../../protocol/status.ts"
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
const saysItsEnd = (method: string, answer: IncomingMessage): boolean =>
  method === "HEAD" ||
  answer.statusCode === 204 ||
  answer.statusCode === 304 ||
  answer.headers["content-length"] !== undefined ||
  answer.headers["transfer-encoding"]?.toLowerCase() === "chunked"

/** Why an answer cannot be passed on; undefined when it can. `method` is the request's. */
export const answerFault = (cluster: string, method: string, answer: IncomingMessage): Refusal | undefined => {
  const { statusCode = 0 } = answer
  // Our server throws for a number below 100, in an event handler: that would end every session of this process.
  if (statusCode < 200 || statusCode > 599)
    return {
      code: 502,
      hop: "auth-proxy",
      cause: "AnswerMalformed",
      message: `the auth proxy of cluster ${cluster} answered with ${statusCode}, which is no status of an answer: expected 200 to 599. Tell the cluster's operator`,
    }
  if (saysItsEnd(method, answer)) return undefined
  return {
    code: 502,
    hop: "auth-proxy",
    cause: "AnswerWithoutEnd",
    message: `the auth proxy of cluster ${cluster} gave an answer that does not say where it ends`,
  }
}

/** Ours, never the far end's: it may hold bytes for which our server throws, and no client may read it (RFC 9112 section 4). */
export const reasonPhrase = (code: number): string => STATUS_CODES[code] ?? ""

/**
 * Passes an answer on to the local client, head first and at once. What is cut on the way is cut for the client too.
 * `finish(true)` when all of it has come and the connection may carry the next request.
 */
export const relayAnswer = (
  { cluster, req, res, upstream, answer, timings }: Answering,
  finish: (whole: boolean) => void,
): void => {
  const fault = answerFault(cluster, req.method ?? "GET", answer)
  if (fault !== undefined) {
    answer.on("error", () => {}).destroy()
    refuse(req, res, fault)
    finish(false)
    return
  }
  const { statusCode = 0 } = answer
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
  res.writeHead(statusCode, reasonPhrase(statusCode), responseHeaders(answer.rawHeaders, timings))
  res.flushHeaders()
  answer.pipe(res, { end: false })
}
