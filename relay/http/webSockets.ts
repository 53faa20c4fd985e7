import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"
import { answerPings } from "../../protocol/answerPings.ts"

/** An upgrade that has not been answered yet. */
export interface PendingUpgrade {
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
}

/** Subprotocols in the order in which they were offered (RFC 6455 section 4.1); at most what `dial` carries. */
export const offeredProtocols = (request: IncomingMessage): readonly string[] =>
  (request.headers["sec-websocket-protocol"] ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(one))
    .slice(0, 8)

/** Answers upgrades with 101 and a subprotocol of our choice. */
export class WebSockets {
  readonly #server: WebSocketServer

  constructor(maxPayload: number) {
    const options = { noServer: true, perMessageDeflate: false, clientTracking: false, autoPong: false }
    this.#server = new WebSocketServer({ ...options, maxPayload })
  }

  /** `onOpen` is not called when the upgrade is malformed or its socket is gone; the socket is closed then. */
  accept({ request, socket, head }: PendingUpgrade, protocol: string, onOpen: (socket: WebSocket) => void): void {
    if (socket.destroyed) return
    request.headers["sec-websocket-protocol"] = protocol
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      answerPings(webSocket)
      onOpen(webSocket)
    })
  }
}
