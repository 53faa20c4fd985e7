import http, { type IncomingMessage, type ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { type Refusal, refusalResponse } from "../../protocol/status.ts"

/** A client that is still sending when it is refused gets this long to read the answer. */
const lingerMillis = 1_000

/** Answers with a Status; where an answer has already begun, the connection is cut, so that nothing looks whole that is not. */
export const refuse = (req: IncomingMessage, res: ServerResponse, refusal: Refusal): void => {
  if (res.headersSent || res.destroyed) {
    cut(req, res)
    return
  }
  const { headers, body } = refusalResponse(refusal, req.url)
  if (req.complete) {
    res.writeHead(refusal.code, headers).end(body)
    return
  }
  closeAfter(req, res)
  res.writeHead(refusal.code, { ...headers, connection: "close" }).end(body)
}

/** Closes the connection behind an answer to a request whose body nobody will read: it cannot be used again. */
export const closeAfter = (req: IncomingMessage, res: ServerResponse): void => {
  const { socket } = req
  res.once("finish", () => {
    linger(socket)
    req.resume()
  })
}

/** Ends our side, drops what still comes, and closes soon. */
const linger = (socket: Duplex): void => {
  socket.end()
  const timer = setTimeout(() => socket.destroy(), lingerMillis)
  socket.once("close", () => clearTimeout(timer))
  socket.resume()
}

/** Ends an exchange so that the client sees it is not whole. */
export const cut = (req: IncomingMessage, res: ServerResponse): void => {
  res.destroy()
  req.socket.destroy()
}

/** An ordinary answer to a request that asked for an upgrade; the connection ends with it and what the client sent ahead is dropped. */
export const answerUpgrade = (req: IncomingMessage, socket: Duplex): ServerResponse => {
  const res = new http.ServerResponse(req)
  res.shouldKeepAlive = false
  res.sendDate = false
  res.assignSocket(socket as never)
  res.once("finish", () => linger(socket))
  return res
}

/** Answers what cannot be read as a request with a Status, and closes: where the next request would begin is not known. */
export const refuseMalformed = (socket: Duplex, refusal: Refusal): void => {
  const { headers, body } = refusalResponse(refusal)
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}\r\n`)
  const { code } = refusal
  socket.write(`HTTP/1.1 ${code} ${http.STATUS_CODES[code]}\r\n${lines.join("")}\r\n${body}`)
  linger(socket)
}

/** Refuses an upgrade with a Status. */
export const refuseUpgrade = (req: IncomingMessage, socket: Duplex, refusal: Refusal): void => {
  const { headers, body } = refusalResponse(refusal)
  answerUpgrade(req, socket)
    .writeHead(refusal.code, { ...headers, connection: "close" })
    .end(body)
}
