import type { ClientRequest, IncomingMessage } from "node:http"
import { holdBody, releaseBody, stopReading } from "../../platform/tlsListener.ts"

/** Whether the request has a body, by its framing (RFC 9112 section 6.3). */
export const hasBody = (req: IncomingMessage): boolean => {
  const length = req.headers["content-length"]
  return req.headers["transfer-encoding"] !== undefined || (length !== undefined && !/^0*$/.test(length))
}

/**
 * Sends the body on as fast as the far side takes it, and ends it only when all of it has come: an aborted upload destroys the
 * upstream request, which therefore never sees a last chunk.
 */
export const sendBody = (req: IncomingMessage, upstream: ClientRequest): void => {
  if (!hasBody(req)) {
    upstream.end()
    return
  }
  const abort = () => {
    if (!req.complete) upstream.destroy()
  }
  req.on("data", (chunk: Buffer) => {
    if (!upstream.write(chunk)) stopReading(req)
  })
  upstream.on("drain", () => releaseBody(req))
  // Once nobody takes the rest, it must not keep coming into memory.
  upstream.on("close", () => {
    if (!req.complete && !req.socket.writableEnded) holdBody(req)
  })
  req.on("end", () => {
    // Whoever is full at the end never drains, and the connection's next request would not be read.
    releaseBody(req)
    if (req.complete) upstream.end()
    else upstream.destroy()
  })
  req.on("aborted", abort)
  req.on("error", abort)
  req.on("close", abort)
  releaseBody(req)
}
