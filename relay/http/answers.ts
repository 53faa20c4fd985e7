import type { ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { type Refusal, refusalResponse } from "../../protocol/status.ts"

/** A refused upgrade's bytes must leave before the socket is cut; a peer that does not read gets so long. */
const lingerMillis = 5_000

/** Answers with JSON, or with no body for 204. */
export const answerJson = (response: ServerResponse, status: number, value?: unknown): void => {
  const body = value === undefined ? "" : `${JSON.stringify(value)}\n`
  response.writeHead(status, {
    "cache-control": "no-store",
    ...(value === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
  })
  response.end(body)
}

export const answerRefusal = (response: ServerResponse, refusal: Refusal): void => {
  const { headers, body } = refusalResponse(refusal)
  // What is left of a body that was refused is not read.
  response.writeHead(refusal.code, { ...headers, ...(response.req.complete ? {} : { connection: "close" }) })
  response.end(body)
}

const reasonPhrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  429: "Too Many Requests",
  503: "Service Unavailable",
}

/** Answers an upgrade with a Status in place of a 101 and ends the connection. */
export const refuseUpgrade = (socket: Socket, refusal: Refusal): void => {
  if (socket.destroyed) return
  const { headers, body } = refusalResponse(refusal)
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.on("error", () => socket.destroy())
  socket.setTimeout(lingerMillis, () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${refusal.code} ${reasonPhrases[refusal.code] ?? "Refused"}\r\n${lines.join("")}\r\n${body}`,
    () => socket.destroySoon(),
  )
}
