import * as net from "node:net"
import * as tls from "node:tls"
import { Effect, type Scope } from "effect"
import { type WatchedFiles, watchFiles } from "../files/watchFiles.ts"
import { ListenFailed } from "../HealthServer.ts"
import { Admission, type AdmissionLimits, type Refusal } from "./Admission.ts"
import { Handshakes } from "./Handshakes.ts"
import { type ConnectionEnd, HttpFront, type HttpFrontOptions } from "./HttpFront.ts"
import { type KeyPairFiles, KeyPairInvalid, readKeyPair } from "./keyPair.ts"

export interface ListenerOptions extends Omit<HttpFrontOptions, "onEnd" | "isAuthenticated"> {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Absent: plain text, for use behind a TLS terminator or inside a cluster. */
  readonly tls?: KeyPairFiles & { readonly minVersion?: "TLSv1.2" | "TLSv1.3"; readonly pollMillis?: number }
  readonly handshakeTimeoutMillis?: number
  /**
   * False for a port that authenticates nobody, as the carrier port inside the cluster: the limits for sockets that have not
   * authenticated do not apply. Else the program must call {@link Listener.authenticated}.
   */
  readonly authenticates?: boolean
  /** Read for every connection, so its properties may be getters of limits that change. */
  readonly admission?: Partial<AdmissionLimits>
  readonly onEvent?: (event: ListenerEvent) => void
}

/** For logs and metrics. */
export type ListenerEvent =
  | { readonly type: "refused"; readonly limit: Refusal; readonly remoteAddress: string | undefined }
  | { readonly type: "handshakeFailed"; readonly code: string; readonly remoteAddress: string | undefined }
  | { readonly type: "ended"; readonly end: ConnectionEnd; readonly remoteAddress: string | undefined }
  | { readonly type: "certificateReloaded"; readonly notAfter: string; readonly fingerprint256: string }
  | { readonly type: "certificateRefused"; readonly error: KeyPairInvalid }

/**
 * 1,024 handshakes at 0.25 ms of CPU are served in a quarter of a second, so honest peers never meet the limit; each costs
 * some 60 KiB while it waits, 64 MiB in all. An address may hold an eighth of them, enough for a NAT with a fleet of runners.
 */
export const ADMISSION_LIMITS: AdmissionLimits = {
  maxUnauthenticated: 1024,
  maxUnauthenticatedPerAddress: 128,
  // 5,000 clusters with two agents each, and 4,000 streams with two halves, leave room below 32,768.
  maxConnections: 32_768,
}

/** A port with HTTP/1.1 and upgrades on it, with TLS whose certificate follows its files. */
export class Listener {
  readonly #server: net.Server
  readonly #front: HttpFront
  readonly #admission: Admission
  readonly #options: ListenerOptions
  readonly #handshakes: Handshakes
  #leaf: { readonly notAfter: string; readonly fingerprint256: string } | undefined
  #watched: WatchedFiles | undefined
  /** Why the files' present content is not in use. */
  #refused: KeyPairInvalid | undefined

  private constructor(options: ListenerOptions) {
    this.#options = options
    const authenticates = options.authenticates ?? true
    this.#admission = new Admission(() => ({
      ...ADMISSION_LIMITS,
      ...(options.tls ? {} : { maxUnauthenticatedPerAddress: undefined }),
      ...options.admission,
      ...(authenticates
        ? {}
        : { maxUnauthenticated: Number.POSITIVE_INFINITY, maxUnauthenticatedPerAddress: undefined }),
    }))
    this.#front = new HttpFront({
      ...options,
      isAuthenticated: (socket) => !authenticates || this.#admission.isAuthenticated(socket),
      onEnd: (end, socket) => options.onEvent?.({ type: "ended", end, remoteAddress: socket.remoteAddress }),
    })
    this.#handshakes = new Handshakes(
      (socket, code) => options.onEvent?.({ type: "handshakeFailed", code, remoteAddress: socket.remoteAddress }),
      options.handshakeTimeoutMillis,
    )
    this.#server = options.tls
      ? this.#secure(options.tls)
      : net.createServer((socket) => this.#admit(socket) && this.#front.serve(socket))
  }

  /** Listens; rejects with {@link ListenFailed} or {@link KeyPairInvalid}. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    try {
      await listener.#listen()
    } catch (error) {
      listener.#watched?.close()
      throw error
    }
    return listener
  }

  /** {@link open} for as long as the scope lives; then {@link close} with the grace given. */
  static scoped(
    options: ListenerOptions & { readonly graceMillis?: number },
  ): Effect.Effect<Listener, ListenFailed | KeyPairInvalid, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.tryPromise({
        try: () => Listener.open(options),
        catch: (error) => error as ListenFailed | KeyPairInvalid,
      }),
      (listener) => Effect.promise(() => listener.close(options.graceMillis ?? 0)),
    )
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  get host(): string {
    return (this.#server.address() as net.AddressInfo).address
  }

  /** What clients are shown now; undefined without TLS. */
  get certificate(): { readonly notAfter: string; readonly fingerprint256: string } | undefined {
    return this.#leaf
  }

  statistics() {
    return {
      connections: this.#admission.connections,
      unauthenticated: this.#admission.unauthenticated,
      handshaking: this.#handshakes.count,
      upgraded: this.#front.upgraded,
    }
  }

  /** To be called when a socket's peer has shown who it is: it stops counting towards the limit of those who have not. */
  authenticated(socket: net.Socket): void {
    this.#admission.authenticated(socket)
  }

  /**
   * Reads the certificate files again; on {@link KeyPairInvalid} (returned and reported) the pair in use stays. One that has expired
   * does not replace one that has not: nobody would be served by it. Files that cannot be read are read again until they can be.
   * @param asked by somebody, who is to hear of it: otherwise the same files that still cannot be read are reported once
   */
  reload(asked = true): KeyPairInvalid | undefined {
    const files = this.#options.tls
    if (!files) return undefined
    try {
      const { cert, key, leaf } = readKeyPair(files)
      const notAfter = this.#leaf?.notAfter ?? leaf.validTo
      if (isPast(leaf.validTo) && !isPast(notAfter))
        throw new KeyPairInvalid({
          ...pick(files),
          detail: `it expired at ${leaf.validTo}, and the one in use is good until ${notAfter}`,
        })
        // Options that are not given again fall back to the runtime's defaults.
      ;(this.#server as tls.Server).setSecureContext({ cert, key, minVersion: files.minVersion ?? "TLSv1.2" })
      this.#leaf = { notAfter: leaf.validTo, fingerprint256: leaf.fingerprint256 }
      this.#refused = undefined
      this.#options.onEvent?.({ type: "certificateReloaded", ...this.#leaf })
      return undefined
    } catch (error) {
      const refused =
        error instanceof KeyPairInvalid
          ? error
          : new KeyPairInvalid({ ...pick(files), detail: "TLS does not accept the pair" })
      const isTold = !asked && refused.unread && refused.message === this.#refused?.message
      this.#refused = refused
      if (refused.unread) this.#watched?.again()
      if (!isTold) this.#options.onEvent?.({ type: "certificateRefused", error: refused })
      return refused
    }
  }

  /** Stops listening, lets answers under way complete, and leaves no socket after `graceMillis`. */
  async close(graceMillis = 0): Promise<void> {
    this.#watched?.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#handshakes.destroyAll()
    await this.#front.close(graceMillis)
    await closed
  }

  #secure(files: NonNullable<ListenerOptions["tls"]>): tls.Server {
    const { cert, key, leaf } = readKeyPair(files)
    this.#leaf = { notAfter: leaf.validTo, fingerprint256: leaf.fingerprint256 }
    const server = tls.createServer({
      cert,
      key,
      minVersion: files.minVersion ?? "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
    })
    // On Bun `connection` brings the very TLSSocket that `secureConnection` brings when its handshake is done.
    server.on("connection", (socket: net.Socket) => {
      if (this.#admit(socket)) this.#handshakes.begin(socket)
    })
    server.on("secureConnection", (socket) => {
      if (!this.#handshakes.settle(socket)) return void socket.destroy()
      this.#front.serve(socket)
    })
    server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      this.#handshakes.fail(socket, error.code ?? "UNKNOWN")
      socket.destroy()
    })
    this.#watched = watchFiles([files.certFile, files.keyFile], () => void this.reload(false), files)
    return server
  }

  #admit(socket: net.Socket): boolean {
    const limit = this.#admission.admit(socket)
    if (limit === undefined) return true
    this.#options.onEvent?.({ type: "refused", limit, remoteAddress: socket.remoteAddress })
    socket.on("error", () => {}).destroy()
    return false
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      const onError = (error: Error) => reject(new ListenFailed({ address: `${host}:${port}`, detail: error.message }))
      this.#server.once("error", onError)
      this.#server.listen(port, host, () => {
        this.#server.off("error", onError)
        resolve()
      })
    })
  }
}

/** Of an X.509 time as OpenSSL writes it. */
function isPast(time: string): boolean {
  return Date.parse(time) <= Date.now()
}

function pick({ certFile, keyFile }: KeyPairFiles): KeyPairFiles {
  return { certFile, keyFile }
}
