import http from "node:http"
import https from "node:https"
import net from "node:net"
import tls from "node:tls"
import type { ServiceAccountFiles } from "./ServiceAccountFiles.ts"
import { SignOfLife } from "./SignOfLife.ts"

/** A Status must reach the client within 10 s of its request; the way there and back takes some of it. */
export const connectMillis = 8_000
/** Idle connections are closed before the API server does it (90 s), so that a request seldom meets one that is just going away. */
const readIdleMillis = 30_000
/** A mutation is never repeated, so it takes only a connection that was proven live this recently. */
const writeIdleMillis = 2_000
const keepAliveMillis = 30_000

/** TCP or TLS did not come about in time. */
export class ConnectTimedOut extends Error {
  override readonly name = "ConnectTimedOut"
  readonly code = "ETIMEDOUT"
}

export interface ApiRequest {
  readonly method: string
  /** The request target, byte for byte. */
  readonly target: string
  /** Flat name and value; sent as they are. */
  readonly headers: readonly string[]
  /** True: a connection of its own, for upgrades. */
  readonly own?: boolean
}

/** The API server of this cluster and the connections to it. Redirects are never followed, nothing is retried here. */
export class ApiServer {
  readonly url: URL
  readonly files: ServiceAccountFiles
  readonly signOfLife = new SignOfLife(this)
  readonly #reads: https.Agent
  readonly #writes: https.Agent
  readonly #secured = new WeakSet<net.Socket>()
  readonly #sockets = new Set<tls.TLSSocket>()

  constructor(url: URL, files: ServiceAccountFiles) {
    this.url = url
    this.files = files
    // A kept connection that the server has ended must leave the pool, not stay half-open.
    const dial = () => this.#dial(false)
    this.#reads = new DialledAgent({ keepAlive: true, timeout: readIdleMillis }, dial)
    this.#writes = new DialledAgent({ keepAlive: true, timeout: writeIdleMillis }, dial)
  }

  /** For the Host header. */
  get host(): string {
    return this.url.host
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Begins a request; the caller writes the body and ends it. Only with `files.ca`: see #dial. */
  request({ method, target, headers, own = false }: ApiRequest): http.ClientRequest {
    const common = { method, path: target, headers: headers as string[], setHost: false }
    if (own) return http.request({ ...common, createConnection: () => this.#dial(true) })
    const agent = method === "GET" || method === "HEAD" ? this.#reads : this.#writes
    return https.request({ ...common, host: this.url.hostname, agent })
  }

  /** True once TLS with the API server was complete on this socket: before that nothing of a request was sent. */
  wasSecured(socket: net.Socket | null | undefined): boolean {
    return socket !== null && socket !== undefined && this.#secured.has(socket)
  }

  /** Closes every connection, those in use included. */
  close(): void {
    this.#reads.destroy()
    this.#writes.destroy()
    for (const socket of this.#sockets) socket.destroy()
    this.files.close()
  }

  /** Bun takes no roots, and an empty list of them, for the system's: whoever asks must have looked before. */
  #roots(): string {
    const { ca } = this.files
    if (ca === undefined) throw new Error("a connection to the API server without roots to trust")
    return ca
  }

  #dial(allowHalfOpen: boolean): tls.TLSSocket {
    const host = this.url.hostname.replace(/^\[|\]$/g, "")
    const socket = tls.connect({
      host,
      port: this.url.port === "" ? 443 : Number(this.url.port),
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
      ca: this.#roots(),
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
      allowHalfOpen,
    } as tls.ConnectionOptions)
    socket.setKeepAlive(true, keepAliveMillis)
    this.#sockets.add(socket)
    const late = setTimeout(
      () => socket.destroy(new ConnectTimedOut(`no connection within ${connectMillis} ms`)),
      connectMillis,
    )
    socket.once("secureConnect", () => {
      clearTimeout(late)
      this.#secured.add(socket)
    })
    socket.once("close", () => {
      clearTimeout(late)
      this.#sockets.delete(socket)
    })
    // Requests hear of errors themselves; between two requests one must not end the process.
    socket.on("error", () => {})
    return socket
  }
}

class DialledAgent extends https.Agent {
  readonly #dial: () => tls.TLSSocket

  constructor(options: https.AgentOptions, dial: () => tls.TLSSocket) {
    super(options)
    this.#dial = dial
  }

  override createConnection(): tls.TLSSocket {
    return this.#dial()
  }
}
