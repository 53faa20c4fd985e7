import http, { type IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { clusterServerName } from "../../protocol/names.ts"
import type { Timings } from "../../protocol/serverTiming.ts"
import type { Refusal } from "../../protocol/status.ts"
import type { EndToEndConnection } from "../connections/EndToEndConnection.ts"
import { pathFailureOf } from "../failures.ts"
import { answerUpgrade, refuseUpgrade } from "./answers.ts"
import { hasBody } from "./bodyFlow.ts"
import { type EndpointContext, maxHeaderBytes } from "./EndpointContext.ts"
import { framing, requestHeaders, responseHeaders, upgradeHeaders } from "./headers.ts"
import { joinSockets } from "./joinSockets.ts"
import { pathRefusal } from "./pathRefusal.ts"
import { answerFault, reasonPhrase } from "./relayAnswer.ts"
import { unansweredRefusal } from "./unanswered.ts"

/**
 * Forwards a request for SPDY/3.1 or WebSocket on a connection of its own and joins the two connections byte for byte, but only
 * after a real 101. What the client sent ahead is held until then, and dropped with any other answer. Never rejects.
 */
export const upgrade = async (
  context: EndpointContext,
  req: IncomingMessage,
  socket: Duplex,
  ahead: Buffer,
): Promise<void> => {
  const left = new AbortController()
  const began = performance.now()
  socket.on("error", () => socket.destroy())
  socket.once("close", () => left.abort(new Error("the client has left")))
  try {
    if (hasBody(req))
      return refuseUpgrade(req, socket, {
        code: 400,
        hop: "proxy",
        cause: "UpgradeWithBody",
        message: "a request for an upgrade has no body",
      })
    const token = await context.clusterToken()
    const connection = await context.pool.acquire("proven", left.signal)
    try {
      const timings = { "cc-proxy": performance.now() - began, "cc-path": connection.pathMillis }
      await upgraded(context, connection, token, { req, socket, ahead, timings })
    } finally {
      // One connection serves one upgrade, whatever came of it.
      context.pool.discard(connection, "upgrade-ended")
    }
  } catch (error) {
    if (left.signal.aborted) return void socket.destroy()
    refuseUpgrade(req, socket, pathRefusal(context, pathFailureOf(error)))
  }
}

interface Asking {
  readonly req: IncomingMessage
  readonly socket: Duplex
  readonly ahead: Buffer
  readonly timings: Timings
}

const upgraded = (
  { cluster, relay, profile, log }: EndpointContext,
  connection: EndToEndConnection,
  token: string,
  { req, socket, ahead, timings }: Asking,
): Promise<void> =>
  new Promise((resolve) => {
    const host = clusterServerName(cluster)
    const protocol = req.headers.upgrade ?? ""
    const body = framing(req.method ?? "GET", req.headers["content-length"], undefined)
    let answeredAlready = false
    const done = () => {
      answeredAlready = true
      socket.off("close", done)
      resolve()
    }
    const fail = (refusal: Refusal) => {
      if (answeredAlready) return
      log.debug("upgrade failed", { code: refusal.code, hop: refusal.hop, cause: refusal.cause })
      done()
      refuseUpgrade(req, socket, refusal)
    }
    const unanswered = () =>
      fail(
        unansweredRefusal(
          { cluster, relay, profile },
          { repeatable: false, longRunning: true },
          connection.finalFailure,
          false,
        ),
      )
    const upstream = http.request({
      agent: connection.agent,
      host,
      method: req.method,
      path: req.url,
      headers: requestHeaders(req.rawHeaders, { host, token, body, upgrade: protocol }),
      maxHeaderSize: maxHeaderBytes,
    })
    socket.once("close", done)
    upstream.on("error", unanswered)
    upstream.on("close", unanswered)
    upstream.on("upgrade", (answer, far, farAhead) => {
      if (answer.statusCode !== 101 || answer.headers.upgrade?.toLowerCase() !== protocol.toLowerCase())
        return fail({
          code: 502,
          hop: "auth-proxy",
          cause: "UpgradeMismatch",
          message: `the far end switched to another protocol than ${JSON.stringify(protocol)}`,
        })
      answeredAlready = true
      socket.off("close", done)
      socket.write(head101(answer.rawHeaders, timings), "latin1")
      if (farAhead.length > 0) socket.write(farAhead)
      if (ahead.length > 0) far.write(ahead)
      joinSockets(socket, far, resolve)
    })
    upstream.on("response", (answer) => {
      const fault = answerFault(cluster, req.method ?? "GET", answer)
      if (fault !== undefined) {
        answer.on("error", () => {}).destroy()
        return fail(fault)
      }
      answeredAlready = true
      passOn({ req, socket, timings }, answer, done)
    })
    upstream.end()
  })

const head101 = (rawHeaders: readonly string[], timings: Timings): string => {
  const headers = upgradeHeaders(rawHeaders, timings)
  const lines = headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1]}\r\n`] : []))
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`
}

/** The far end's refusal of an upgrade, as it is. A cut one is cut. */
const passOn = ({ req, socket, timings }: Omit<Asking, "ahead">, answer: IncomingMessage, finish: () => void): void => {
  const res = answerUpgrade(req, socket)
  const broken = () => {
    if (res.writableEnded) return
    socket.destroy()
    finish()
  }
  answer.on("error", broken).on("aborted", broken).on("close", broken)
  answer.on("end", () => {
    if (!answer.complete) return broken()
    res.end()
    finish()
  })
  const { statusCode = 0 } = answer
  res.writeHead(statusCode, reasonPhrase(statusCode), [
    ...responseHeaders(answer.rawHeaders, timings),
    ...(answer.headers["transfer-encoding"] === undefined ? [] : ["Transfer-Encoding", "chunked"]),
    "Connection",
    "close",
  ])
  answer.pipe(res, { end: false })
}
