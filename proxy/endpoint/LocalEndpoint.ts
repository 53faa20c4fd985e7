import http, { type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import tls from "node:tls"
import type { CertificateAndKey } from "../../protocol/certificates.ts"
import type { Refusal } from "../../protocol/status.ts"
import { admission, type EndpointIdentity } from "./admission.ts"
import { refuse, refuseMalformed, refuseUpgrade } from "./answers.ts"
import { type EndpointContext, maxHeaderBytes } from "./EndpointContext.ts"
import { exchange } from "./exchange.ts"
import { upgrade } from "./upgrade.ts"

export interface EndpointLimits {
  /**
   * From a connection's beginning to the end of its first head. Whoever has the credential needs milliseconds, and 10 s and more where
   * 230 clients begin at once on a busy machine; {@link maxSockets} bounds what those hold who have none.
   */
  readonly firstHeadMillis: number
  /** Local users without the credential can hold only so many connections open, and none for longer than the first head's time. */
  readonly maxSockets: number
  /** Connections between requests; clients keep theirs for 90 s (Go's default transport). */
  readonly idleMillis: number
}
const endpointLimits: EndpointLimits = { firstHeadMillis: 30_000, maxSockets: 1_024, idleMillis: 180_000 }
/** The end of the program waits no longer than this for sockets to be gone. */
const closeMillis = 1_000
export const loopback = "127.0.0.1"

/** The port is taken. */
export class PortTaken extends Error {
  override readonly name = "PortTaken"
}

interface Connection {
  /** Ends it when it says nothing: the server's own timers for heads and for idleness do not run for connections that are handed over. */
  patience: NodeJS.Timeout
  /** Under way. */
  requests: number
  /** Its client has shown the credential. */
  inUse: boolean
  upgraded: boolean
  /** Its refusal is under way; every further piece of it is reported once more. */
  malformed: boolean
}

/** The server that kubectl talks to: TLS on loopback, one cluster, one session credential. */
export class LocalEndpoint {
  readonly #context: EndpointContext
  readonly #credential: string
  readonly #limits: EndpointLimits
  readonly #tlsServer: tls.Server
  readonly #httpServer: http.Server
  readonly #connections = new Map<Duplex, Connection>()
  #port = 0

  constructor(
    context: EndpointContext,
    certificate: CertificateAndKey,
    credential: string,
    limits: Partial<EndpointLimits> = {},
  ) {
    this.#context = context
    this.#limits = { ...endpointLimits, ...limits }
    this.#credential = credential
    this.#httpServer = http.createServer({ maxHeaderSize: maxHeaderBytes })
    this.#httpServer.requestTimeout = 0
    this.#httpServer.headersTimeout = 0
    this.#httpServer.keepAliveTimeout = 0
    this.#httpServer.on("request", (req, res) => this.#request(req, res))
    this.#httpServer.on("upgrade", (req, socket, ahead) => this.#upgrade(req, socket, ahead))
    this.#httpServer.on("checkContinue", (req, res: ServerResponse) => {
      this.#request(req, res, () => res.writeContinue())
    })
    this.#httpServer.on("clientError", (error, socket) => this.#malformed(error, socket))
    this.#tlsServer = tls.createServer(
      {
        key: certificate.keyPem,
        cert: certificate.certificatePem,
        minVersion: "TLSv1.2",
        ALPNProtocols: ["http/1.1"],
        // An upgraded connection is half-closed by either side.
        allowHalfOpen: true,
      },
      (socket) => this.#accept(socket),
    )
    // On Bun this brings the very TLSSocket whose handshake begins now.
    this.#tlsServer.on("connection", (socket: Duplex) => this.#admit(socket))
    // Bun reports a failed handshake and leaves the connection open.
    this.#tlsServer.on("tlsClientError", (_error, socket) => socket.destroy())
  }

  /** Listens on loopback; 0 takes a free port. Resolves with the port. @throws {PortTaken} */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) =>
        reject(error.code === "EADDRINUSE" ? new PortTaken(`port ${port} is taken`) : error)
      this.#tlsServer.once("error", onError)
      this.#tlsServer.listen(port, loopback, () => {
        this.#tlsServer.off("error", onError)
        this.#port = (this.#tlsServer.address() as AddressInfo).port
        resolve(this.#port)
      })
    })
  }

  get port(): number {
    return this.#port
  }

  get identity(): EndpointIdentity {
    return { cluster: this.#context.cluster, port: this.#port, credential: this.#credential }
  }

  /** Ends every connection, upgraded ones too. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#tlsServer.close(() => resolve()))
    for (const socket of this.#connections.keys()) socket.destroy()
    this.#httpServer.removeAllListeners()
    // A connection that has not finished its handshake must not hold up the end.
    const patience = Promise.withResolvers<void>()
    const timer = setTimeout(patience.resolve, closeMillis)
    await Promise.race([closed, patience.promise])
    clearTimeout(timer)
  }

  /** Connections, those in their handshake included. */
  get connections(): number {
    return this.#connections.size
  }

  /** Connections whose client has shown the credential: somebody uses this endpoint. Anybody on this machine can open others. */
  get connectionsInUse(): number {
    return [...this.#connections.values()].filter(({ inUse }) => inUse).length
  }

  #admit(socket: Duplex): void {
    socket.on("error", () => socket.destroy())
    if (this.#connections.size >= this.#limits.maxSockets) return void socket.destroy()
    const patience = patienceWith(socket, this.#limits.firstHeadMillis)
    const connection: Connection = { patience, requests: 0, inUse: false, upgraded: false, malformed: false }
    this.#connections.set(socket, connection)
    socket.once("close", () => {
      this.#connections.delete(socket)
      clearTimeout(connection.patience)
    })
  }

  #accept(socket: tls.TLSSocket): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return void socket.destroy()
    // Half-open is for upgraded connections; a client of plain HTTP that ends its side has left, and its watch with it.
    socket.on("end", () => {
      if (!connection.upgraded) socket.destroy()
    })
    this.#httpServer.emit("connection", socket)
  }

  #refusal(req: IncomingMessage): Refusal | undefined {
    const { method = "", url = "", httpVersion, rawHeaders } = req
    const refusal = admission({ method, target: url, httpVersion, rawHeaders }, this.identity)
    if (refusal !== undefined) this.#context.log.debug("request refused", { cause: refusal.cause, code: refusal.code })
    return refusal
  }

  /** Only the credential buys time. Undefined when the connection has closed meanwhile. */
  #welcomed(socket: Duplex): Connection | undefined {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return undefined
    clearTimeout(connection.patience)
    connection.inUse = true
    return connection
  }

  #request(req: IncomingMessage, res: ServerResponse, welcome = () => {}): void {
    res.on("error", () => res.destroy())
    const refusal = this.#refusal(req)
    if (refusal !== undefined) return void refuse(req, res, refusal)
    const { socket } = req
    const connection = this.#welcomed(socket)
    if (connection !== undefined) this.#count(connection, socket, res)
    welcome()
    void exchange(this.#context, req, res)
  }

  /** When nothing is under way any more, the next request has its time. */
  #count(connection: Connection, socket: Duplex, res: ServerResponse): void {
    connection.requests += 1
    res.once("close", () => {
      connection.requests -= 1
      if (connection.requests > 0 || socket.destroyed || connection.upgraded) return
      clearTimeout(connection.patience)
      connection.patience = patienceWith(socket, this.#limits.idleMillis)
    })
  }

  #malformed({ code }: NodeJS.ErrnoException, socket: Duplex): void {
    const connection = this.#connections.get(socket)
    if (connection?.malformed === true) return
    // The parser calls the head of a connection that was cut malformed; and an answer under way must not get a second head in its middle.
    if (connection === undefined || !socket.writable || connection.requests > 0) return void socket.destroy()
    connection.malformed = true
    const isTooLarge = code === "HPE_HEADER_OVERFLOW"
    refuseMalformed(socket, {
      code: 400,
      hop: "proxy",
      cause: isTooLarge ? "HeadTooLarge" : "MalformedRequest",
      message: isTooLarge
        ? `the request's head is larger than the ${maxHeaderBytes / 1024} KiB that are taken`
        : "the request is not well-formed HTTP/1.1",
    })
  }

  #upgrade(req: IncomingMessage, socket: Duplex, ahead: Buffer): void {
    const refusal = this.#refusal(req)
    if (refusal !== undefined) return void refuseUpgrade(req, socket, refusal)
    const connection = this.#welcomed(socket)
    if (connection !== undefined) connection.upgraded = true
    void upgrade(this.#context, req, socket, ahead)
  }
}

const patienceWith = (socket: Duplex, millis: number): NodeJS.Timeout =>
  setTimeout(() => socket.destroy(), millis).unref()
