import { type IncomingMessage, STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import { Either } from "effect"
import { WebSocketServer } from "ws"
import { Listener } from "../../../platform/tlsListener.ts"
import { answerPings } from "../../../protocol/answerPings.ts"
import { streamProtocol } from "../../../protocol/names.ts"
import { carrierMaxPayload } from "../../../protocol/splice.ts"
import { refusalResponse } from "../../../protocol/status.ts"
import type { StreamServer } from "../../../protocol/stream/StreamServer.ts"
import { carriers, connectionsRefused } from "../metrics.ts"
import { CarrierPathUnknown, type CarrierRefusal, carrierHead } from "./carrierHead.ts"

/** Two carriers for each of 2,000 streams while they move, and room for probes. */
const maxConnections = 8_192
/** Nobody authenticates here: only sockets that have not sent their upgrade count. */
const maxWaiting = 1_024

/**
 * The port on which agents hand over carriers. Plain WebSocket inside the cluster and open to everybody there: a carrier is
 * only bytes, and whoever speaks through it is authenticated inside its TLS, request by request.
 */
export class CarrierPort {
  readonly #listener: Listener
  readonly #upgrades: WebSocketServer

  private constructor(listener: Listener, upgrades: WebSocketServer) {
    this.#listener = listener
    this.#upgrades = upgrades
  }

  /** @throws {ListenFailed} */
  static async open(
    address: { readonly host: string; readonly port: number },
    streams: StreamServer,
    bootNonce: string,
  ): Promise<CarrierPort> {
    const upgrades = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: carrierMaxPayload,
      handleProtocols: () => streamProtocol,
    })
    const authenticated = (socket: Socket) => listener.authenticated(socket)
    const listener: Listener = await Listener.open({
      ...address,
      admission: { maxConnections, maxUnauthenticated: maxWaiting, maxUnauthenticatedPerAddress: undefined },
      onEvent: (event) => {
        if (event.type === "refused") connectionsRefused.add(1, { limit: event.limit })
      },
      onRequest: (request, response) => {
        const { headers, body } = refusalResponse(statusFor(new CarrierPathUnknown({})))
        response.writeHead(404, headers).end(request.method === "HEAD" ? undefined : body)
      },
      onUpgrade: (request, socket, head) => {
        const carrier = carrierHead(request, {
          dialled: dialledAs(socket),
          bootNonce,
          draining: streams.draining,
        })
        if (Either.isLeft(carrier)) return refused(socket, carrier.left)
        authenticated(socket)
        upgrades.handleUpgrade(request as IncomingMessage, socket, head, (webSocket) => {
          answerPings(webSocket)
          carriers.add(1, { outcome: "taken" })
          streams.attach(webSocket, carrier.right)
        })
      },
    })
    return new CarrierPort(listener, upgrades)
  }

  get host(): string {
    return this.#listener.host
  }

  get port(): number {
    return this.#listener.port
  }

  /** Carriers open now. */
  get carriers(): number {
    return this.#listener.statistics().upgraded
  }

  /** Stops listening and drops every carrier that has not closed by itself after `graceMillis`. */
  async close(graceMillis: number): Promise<void> {
    this.#upgrades.close()
    await this.#listener.close(graceMillis)
  }
}

/** The address that the agent dialled, as the agent writes it. */
const dialledAs = ({ localAddress = "", localPort = 0 }: Socket): string => {
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/, "")
  return `${address.includes(":") ? `[${address}]` : address}:${localPort}`
}

const statusFor = (refusal: CarrierRefusal) => ({
  code: refusal.httpStatus,
  hop: "auth-proxy" as const,
  cause: refusal._tag,
  message: refusal.message,
})

const refused = (socket: Socket, refusal: CarrierRefusal): void => {
  carriers.add(1, { outcome: refusal._tag })
  const { headers, body } = refusalResponse(statusFor(refusal))
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `HTTP/1.1 ${refusal.httpStatus} ${STATUS_CODES[refusal.httpStatus]}\r\n${lines.join("")}\r\n`
  socket.end(head + body, () => socket.destroy())
}
