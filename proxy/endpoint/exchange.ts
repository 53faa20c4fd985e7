import http, { type IncomingMessage, type ServerResponse } from "node:http"
import { holdBody } from "../../platform/tlsListener.ts"
import { clusterServerName } from "../../protocol/names.ts"
import { timingHeader, timingValue } from "../../protocol/serverTiming.ts"
import type { Refusal } from "../../protocol/status.ts"
import type { EndToEndConnection } from "../connections/EndToEndConnection.ts"
import { attachWithinMillis } from "../connections/poolRules.ts"
import { pathFailureOf } from "../failures.ts"
import { cut, refuse } from "./answers.ts"
import { hasBody, sendBody } from "./bodyFlow.ts"
import { type EndpointContext, maxHeaderBytes } from "./EndpointContext.ts"
import { framing, requestHeaders } from "./headers.ts"
import { pathRefusal } from "./pathRefusal.ts"
import { relayAnswer } from "./relayAnswer.ts"
import { type RequestRules, requestRules } from "./requestRules.ts"
import { watchSuspension } from "./suspension.ts"
import { unansweredRefusal } from "./unanswered.ts"

/** Forwards one plain request and answers it, in every case exactly once. Never rejects. */
export const exchange = async (context: EndpointContext, req: IncomingMessage, res: ServerResponse): Promise<void> => {
  const { method = "GET", url = "/" } = req
  const rules = requestRules(method, url, false)
  const left = new AbortController()
  res.once("close", () => {
    if (!res.writableFinished) left.abort(new Error("the client has left"))
  })
  if (hasBody(req)) holdBody(req)
  const began = performance.now()
  arrivals.set(req, began)
  try {
    let refusal = await attempt(context, req, res, rules, left.signal, attachWithinMillis)
    // Only what has no effect is sent twice, and only within the time in which an answer is promised.
    const leftMillis = attachWithinMillis - (performance.now() - began)
    if (refusal?.again && leftMillis > 0 && !left.signal.aborted)
      refusal = await attempt(context, req, res, rules, left.signal, leftMillis)
    if (refusal !== undefined && !left.signal.aborted) refuseLogged(context, req, res, refusal.refusal)
  } catch (error) {
    if (left.signal.aborted) return cut(req, res)
    refuseLogged(context, req, res, pathRefusal(context, pathFailureOf(error)))
  }
}

const refuseLogged = ({ log }: EndpointContext, req: IncomingMessage, res: ServerResponse, refusal: Refusal) => {
  log.debug("request failed", { method: req.method, code: refusal.code, hop: refusal.hop, cause: refusal.cause })
  if (!res.headersSent) res.setHeader(timingHeader, timingValue({ "cc-proxy": sinceArrival(req) }))
  refuse(req, res, refusal)
}

/** When a request came. */
const arrivals = new WeakMap<IncomingMessage, number>()
const sinceArrival = (req: IncomingMessage) => performance.now() - (arrivals.get(req) ?? performance.now())

/** No answer began; `again` when the same request may be sent once more. */
interface Unanswered {
  readonly refusal: Refusal
  readonly again: boolean
}

const attempt = async (
  context: EndpointContext,
  req: IncomingMessage,
  res: ServerResponse,
  rules: RequestRules,
  signal: AbortSignal,
  withinMillis: number,
): Promise<Unanswered | undefined> => {
  const { pool, cluster, clusterToken } = context
  // Before a connection is taken: a missing token is no reason to open one.
  const token = await clusterToken()
  const connection = await pool.acquire(rules.repeatable ? "attached" : "proven", signal, withinMillis)
  const host = clusterServerName(cluster)
  const { "content-length": length, "transfer-encoding": coding } = req.headers
  const body = framing(req.method ?? "GET", length, coding)
  const forwarding = { host, token, body, upgrade: undefined }
  let upstream: http.ClientRequest
  try {
    upstream = http.request({
      agent: connection.agent,
      host,
      method: req.method,
      path: req.url,
      headers: requestHeaders(req.rawHeaders, forwarding),
      maxHeaderSize: maxHeaderBytes,
    })
  } catch (error) {
    pool.release(connection)
    throw error
  }
  return await answered(context, connection, upstream, req, res, rules, signal)
}

const answered = (
  { pool, cluster, relay, profile }: EndpointContext,
  connection: EndToEndConnection,
  upstream: http.ClientRequest,
  req: IncomingMessage,
  res: ServerResponse,
  rules: RequestRules,
  signal: AbortSignal,
): Promise<Unanswered | undefined> =>
  new Promise((resolve) => {
    let over = false
    let headCame = false
    const finish = (whole: boolean, outcome?: Unanswered) => {
      if (over) return
      over = true
      suspension.stop()
      signal.removeEventListener("abort", onLeft)
      if (whole) pool.release(connection)
      else {
        upstream.destroy()
        pool.discard(connection, "request-failed")
      }
      resolve(outcome)
    }
    const unanswered = (suspended: boolean) => {
      if (headCame) return
      const refusal = unansweredRefusal({ cluster, relay, profile }, rules, connection.finalFailure, suspended)
      finish(false, { refusal, again: rules.repeatable && !suspended && !hasBody(req) && refusal.code === 503 })
    }
    const onLeft = () => finish(false)
    const timings = { "cc-proxy": sinceArrival(req), "cc-path": connection.pathMillis }
    const suspension = watchSuspension(connection, () => {
      if (!rules.longRunning) unanswered(true)
    })
    signal.addEventListener("abort", onLeft, { once: true })
    upstream.on("error", () => unanswered(false))
    upstream.on("close", () => unanswered(false))
    // Nobody asked for an upgrade: bytes of an unknown protocol follow.
    upstream.on("upgrade", (_answer, socket) => {
      socket.destroy()
      unanswered(false)
    })
    upstream.on("response", (answer) => {
      headCame = true
      suspension.stop()
      relayAnswer({ cluster, req, res, upstream, answer, timings }, finish)
    })
    if (signal.aborted) return onLeft()
    sendBody(req, upstream)
  })
