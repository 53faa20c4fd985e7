import * as http from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { faultText, type HeadFault, headFault } from "./headFault.ts"
import { HTTP_FRONT_LIMITS, type HttpFrontLimits } from "./httpFrontLimits.ts"

/** 2 KiB a second over the default time: below it nobody loads a client of 100 MB. */
const answerProgressBytes = 64 * 1024

/** Why a connection was ended by us. */
export type ConnectionEnd = "headTimeout" | "idleTimeout" | "answerStalled" | "pipelined" | "malformed" | "closing"

export interface HttpFrontOptions {
  readonly onRequest: (request: http.IncomingMessage, response: http.ServerResponse) => void
  /** The socket is the caller's from here on; it is destroyed at the latest when the front closes. Without it upgrades get 400. */
  readonly onUpgrade?: (request: http.IncomingMessage, socket: Socket, head: Buffer) => void
  /** Without it every connection has the full idle time. */
  readonly isAuthenticated?: (socket: Socket) => boolean
  readonly limits?: Partial<HttpFrontLimits>
  /** The body of the 400 for a head that is refused; text by default, a metav1.Status where the clients are Kubernetes'. */
  readonly refusal?: (text: string) => { readonly contentType: string; readonly body: string }
  readonly onEnd?: (end: ConnectionEnd, socket: Socket) => void
  readonly onHeadRefused?: (fault: HeadFault, request: http.IncomingMessage) => void
}

interface Connection {
  phase: "idle" | "head" | "busy" | "upgraded"
  /** performance.now() when the phase began. */
  since: number
  inFlight: number
  /** How far the peer had taken its answers, and when. */
  taken: { readonly at: number; readonly bytes: number }
}

/**
 * HTTP/1.1 on sockets that are connected already: accepted and through TLS, or the end of a stream. Does what node's server
 * does not do for them: time limits for the head and for idleness, refusal of ambiguous heads, and an account of every
 * socket, upgraded ones included, so that closing leaves none. The data path has no request timeout.
 */
export class HttpFront {
  readonly #server: http.Server
  readonly #options: HttpFrontOptions
  readonly #limits: HttpFrontLimits
  readonly #connections = new Map<Socket, Connection>()
  #sweep: ReturnType<typeof setInterval> | undefined
  #closing = false
  #emptied: (() => void)[] = []

  constructor(options: HttpFrontOptions) {
    this.#options = options
    this.#limits = { ...HTTP_FRONT_LIMITS, ...options.limits }
    this.#server = http.createServer({
      maxHeaderSize: this.#limits.maxHeaderBytes,
      requestTimeout: 0,
      keepAliveTimeout: 0,
    })
    this.#server.on("request", (request, response) => this.#request(request, response))
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket as Socket, head))
    // Without a listener node answers "100 Continue" by itself, before the head was checked.
    this.#server.on("checkContinue", (request, response) => this.#request(request, response, true))
    this.#server.on("connect", (_request, socket) => this.#malformed(socket as Socket, "CONNECT is not served"))
    this.#server.on("clientError", (_error, socket) => this.#malformed(socket as Socket, "the request is malformed"))
  }

  get connections(): number {
    return this.#connections.size
  }

  get upgraded(): number {
    return [...this.#connections.values()].filter(({ phase }) => phase === "upgraded").length
  }

  /** Takes over a connected socket until it closes. */
  serve(socket: Socket): void {
    if (this.#closing) return void socket.destroy()
    const connection: Connection = {
      phase: "idle",
      since: performance.now(),
      inFlight: 0,
      taken: { at: 0, bytes: 0 },
    }
    this.#connections.set(socket, connection)
    // A reset by the peer is no error of ours; 'close' follows.
    socket.on("error", () => socket.destroy())
    socket.once("close", () => this.#forget(socket))
    // Before the parser's own listener, so that the first byte is seen before the head that it completes.
    socket.on("data", onBytes)
    sockets.set(socket, connection)
    this.#server.emit("connection", socket)
    this.#startSweeping()
  }

  /**
   * Ends idle connections now, the others when their answer is complete, and whatever is left, upgraded sockets included,
   * after `graceMillis`. Resolves when no socket is left.
   */
  async close(graceMillis: number): Promise<void> {
    this.#closing = true
    for (const [socket, { phase }] of this.#connections)
      if (phase === "idle" || phase === "head") this.#end(socket, "closing")
    const emptied = new Promise<void>((resolve) => {
      if (this.#connections.size === 0) resolve()
      else this.#emptied.push(resolve)
    })
    const grace = setTimeout(() => {
      for (const socket of this.#connections.keys()) this.#end(socket, "closing")
    }, graceMillis)
    await emptied
    clearTimeout(grace)
    clearInterval(this.#sweep)
    this.#server.close()
  }

  #request(request: http.IncomingMessage, response: http.ServerResponse, expectsContinue = false): void {
    const { socket } = request
    const connection = this.#connections.get(socket)
    if (!connection || socket.destroyed) return void socket.destroy()
    if (connection.inFlight >= this.#limits.maxPipelined) return void this.#end(socket, "pipelined")
    enter(connection, "busy")
    if (connection.inFlight === 0) connection.taken = { at: connection.since, bytes: takenBytes(socket) }
    connection.inFlight += 1
    response.once("close", () => {
      connection.inFlight -= 1
      if (connection.inFlight > 0 || connection.phase !== "busy") return
      enter(connection, "idle")
      if (this.#closing) socket.destroySoon()
    })
    if (this.#closing) response.setHeader("connection", "close")
    const fault = headFault(request)
    if (fault) {
      this.#options.onHeadRefused?.(fault, request)
      const { contentType, body } = this.#refusal(faultText(fault))
      response.writeHead(400, {
        "content-type": contentType,
        "content-length": Buffer.byteLength(body),
        connection: "close",
      })
      return void response.end(body, () => socket.destroySoon())
    }
    if (expectsContinue) response.writeContinue()
    this.#options.onRequest(request, response)
  }

  #upgrade(request: http.IncomingMessage, socket: Socket, head: Buffer): void {
    const connection = this.#connections.get(socket)
    const fault = headFault(request)
    if (fault) this.#options.onHeadRefused?.(fault, request)
    if (!connection) socket.destroy()
    else if (fault) this.#malformed(socket, faultText(fault))
    else if (!this.#options.onUpgrade || connection.inFlight > 0) this.#malformed(socket, "no upgrade is possible here")
    else {
      socket.off("data", onBytes)
      enter(connection, "upgraded")
      this.#options.onUpgrade(request, socket, head)
    }
  }

  #malformed(socket: Duplex, text: string): void {
    const known = socket as Socket
    // The parser calls the head of a connection that was cut, by us or by the peer, malformed.
    if (known.destroyed) return
    const { contentType, body } = this.#refusal(text)
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`
    // An answer under way must not get a second head in its middle.
    const busy = (this.#connections.get(known)?.inFlight ?? 0) > 0
    if (known.writable && !busy) known.end(head + body, () => known.destroy())
    else known.destroy()
    this.#options.onEnd?.("malformed", known)
  }

  #refusal(text: string): { readonly contentType: string; readonly body: string } {
    return this.#options.refusal?.(text) ?? { contentType: "text/plain; charset=utf-8", body: `${text}\n` }
  }

  #startSweeping(): void {
    if (this.#sweep !== undefined) return
    const { headTimeoutMillis, idleTimeoutMillis, unauthenticatedIdleMillis, unauthenticatedAnswerMillis } =
      this.#limits
    // One timer for all connections: a timer per request would be the most frequent timer of the process.
    const shortest = Math.min(
      headTimeoutMillis,
      idleTimeoutMillis,
      unauthenticatedIdleMillis,
      unauthenticatedAnswerMillis,
    )
    const period = Math.max(5, Math.min(1000, shortest / 8))
    this.#sweep = setInterval(() => {
      const now = performance.now()
      for (const [socket, connection] of this.#connections) {
        const { phase, since } = connection
        const known = (phase !== "idle" && phase !== "busy") || (this.#options.isAuthenticated?.(socket) ?? true)
        const idleMillis = known ? idleTimeoutMillis : Math.min(idleTimeoutMillis, unauthenticatedIdleMillis)
        if (phase === "head" && now - since >= headTimeoutMillis) this.#end(socket, "headTimeout")
        if (phase === "idle" && now - since >= idleMillis) this.#end(socket, "idleTimeout")
        if (phase === "busy" && !known && this.#stalled(socket, connection, now)) this.#end(socket, "answerStalled")
      }
    }, period)
    this.#sweep.unref()
  }

  #stalled(socket: Socket, connection: Connection, now: number): boolean {
    const bytes = takenBytes(socket)
    if (bytes - connection.taken.bytes >= answerProgressBytes) connection.taken = { at: now, bytes }
    return now - connection.taken.at >= this.#limits.unauthenticatedAnswerMillis
  }

  #end(socket: Socket, end: ConnectionEnd): void {
    this.#options.onEnd?.(end, socket)
    socket.destroy()
  }

  #forget(socket: Socket): void {
    this.#connections.delete(socket)
    if (this.#connections.size > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
    for (const resolve of this.#emptied.splice(0)) resolve()
  }
}

/** Grows when a whole write was taken (Bun): whoever answers much does so in parts. */
const takenBytes = (socket: Socket): number => socket.bytesWritten - socket.writableLength

/** Found by the one listener function that all sockets have in common: no closure per connection, and it can be taken off. */
const sockets = new WeakMap<Socket, Connection>()

function onBytes(this: Socket): void {
  const connection = sockets.get(this)
  if (connection?.phase === "idle") enter(connection, "head")
}

function enter(connection: Connection, phase: Connection["phase"]): void {
  connection.phase = phase
  connection.since = performance.now()
}
