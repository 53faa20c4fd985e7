import http from "node:http"
import type tls from "node:tls"
import { reason } from "../../protocol/core/reasons.ts"
import { CarrierRefused, StreamNotAccepted } from "../../protocol/stream/CarrierRefused.ts"
import { type ClientStream, openStream } from "../../protocol/stream/ClientStream.ts"
import type { StreamEvent } from "../../protocol/stream/streamEvents.ts"
import type { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { isPathFailure, PathBroken, type PathFailure, pathFailureOf } from "../failures.ts"
import { carrierRefusal, failureOfStreamEnd } from "../relay/carrierRefusal.ts"
import type { RelayClient } from "../relay/RelayClient.ts"
import { endToEndTls } from "./endToEndTls.ts"
import { OpenStreams } from "./OpenStreams.ts"
import type { ConnectionView } from "./poolRules.ts"

export interface ConnectionOptions {
  readonly cluster: string
  readonly relay: RelayClient
  readonly roots: readonly string[]
  readonly budget: WindowBudget
  readonly holdMillis?: number
  /** Gets the stream, to be waited for at the end of the program, and says when none is wanted any more. */
  readonly streams?: OpenStreams
  readonly onEvent?: (event: StreamEvent) => void
}

/** One end-to-end TLS connection over a stream of its own, for one request at a time. */
export class EndToEndConnection implements ConnectionView {
  /** For http.request: every request on it uses this one connection, and never another. */
  readonly agent: http.Agent
  readonly socket: tls.TLSSocket
  readonly #stream: ClientStream
  readonly #suspensions = new Set<() => void>()
  readonly #drains = new Set<() => void>()
  #endReason: string | undefined
  #pathMillis: number | undefined

  private constructor(stream: ClientStream, socket: tls.TLSSocket) {
    this.#stream = stream
    this.socket = socket
    this.agent = new OneConnectionAgent(socket)
    void stream.ended.then((end) => {
      this.#endReason = end.reason
      // A clean end still has bytes on their way through the TLS socket, which ends by itself.
      if (end.reason !== reason.closed) socket.destroy()
    })
    // Requests report their own errors; without a listener one that strikes between two requests would end the process.
    socket.on("error", () => {})
    socket.on("close", () => stream.destroy(reason.closed))
  }

  /** @throws {PathFailure} or CertificateNotTrusted */
  static async open(options: ConnectionOptions): Promise<EndToEndConnection> {
    let dialFailure: PathFailure | undefined
    let connection: EndToEndConnection | undefined
    let secured: Promise<tls.TLSSocket> | undefined
    // A stream waits for its next carrier; whoever opens a connection is told at once why there is none.
    const broken = Promise.withResolvers<never>()
    broken.promise.catch(() => {})
    let opened = false
    const { streams = new OpenStreams() } = options
    const { closing } = streams
    const settled = Promise.withResolvers<void>()
    const stream = await openStream({
      dial: async (attempt) => {
        try {
          const carrier = await options.relay.dial(options.cluster, attempt)
          if (attempt.instance === undefined && closing.aborted) {
            carrier.terminate()
            throw closing.reason
          }
          // From its first frame on the auth proxy may know of the stream.
          streams.add(settled.promise)
          return carrier
        } catch (error) {
          dialFailure = pathFailureOf(error)
          if (opened) broken.reject(dialFailure)
          throw carrierRefusal(dialFailure)
        }
      },
      budget: options.budget,
      ...(options.holdMillis === undefined ? {} : { holdMillis: options.holdMillis }),
      // The TLS hello travels with the opening.
      onSocket: (socket) => {
        secured = endToEndTls(socket, options.cluster, options.roots)
        secured.catch(() => {})
      },
      onEvent: (event) => {
        if (event.type === "suspended") connection?.suspended()
        if (event.type === "drain") connection?.drained()
        options.onEvent?.(event)
      },
    }).catch((error: unknown) => {
      settled.resolve()
      throw dialFailure ?? openingFailure(options.cluster, error)
    })
    void stream.settled.then(settled.resolve)
    const giveUp = () => broken.reject(closing.reason)
    closing.addEventListener("abort", giveUp, { once: true })
    try {
      if (secured === undefined) throw new Error("the stream has no socket")
      closing.throwIfAborted()
      opened = true
      connection = new EndToEndConnection(stream, await Promise.race([secured, broken.promise]))
      return connection
    } catch (error) {
      stream.destroy(reason.socketFailed)
      throw error
    } finally {
      closing.removeEventListener("abort", giveUp)
    }
  }

  get attached(): boolean {
    return this.#stream.state === "attached" && !isOver(this.socket)
  }

  get draining(): boolean {
    return this.#stream.draining
  }

  get lastHeardMillis(): number {
    return this.#stream.lastHeardMillis
  }

  /** Why the caller may not go on at all, if the stream ended for that. */
  get finalFailure(): PathFailure | undefined {
    return this.#endReason === undefined ? undefined : failureOfStreamEnd(this.#endReason)
  }

  /** The last measured round trip to the auth proxy and back, once there is one. */
  get pathMillis(): number | undefined {
    return this.#pathMillis
  }

  /** Resolves when the far end answered just now. Rejects when the stream is suspended or ends first. */
  async probe(): Promise<void> {
    const asked = performance.now()
    await this.#stream.probe()
    this.#pathMillis = performance.now() - asked
  }

  setInUse(inUse: boolean): void {
    this.#stream.setInUse(inUse)
  }

  /** Calls back whenever the stream loses its carrier. Returns how to stop listening. */
  onSuspended(listener: () => void): () => void {
    this.#suspensions.add(listener)
    return () => this.#suspensions.delete(listener)
  }

  /** Calls back once the auth proxy wants no new request on it. */
  onDraining(listener: () => void): void {
    this.#drains.add(listener)
  }

  onClosed(listener: () => void): void {
    this.socket.once("close", listener)
  }

  destroy(why: string): void {
    this.#stream.destroy(why)
    this.socket.destroy()
    this.agent.destroy()
  }

  private suspended(): void {
    for (const listener of [...this.#suspensions]) listener()
  }

  private drained(): void {
    for (const listener of [...this.#drains]) listener()
  }
}

/** Node and Bun reuse a connection only through an Agent; this one has exactly one and can make no other. */
class OneConnectionAgent extends http.Agent {
  readonly #socket: tls.TLSSocket

  constructor(socket: tls.TLSSocket) {
    super({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 })
    this.#socket = socket
  }

  /** On Bun a request on a socket whose end has passed already hears nothing for ever: it fails instead. */
  override createConnection(
    _options: http.ClientRequestArgs,
    callback?: (error: Error | null, socket: tls.TLSSocket) => void,
  ): tls.TLSSocket | undefined {
    if (!isOver(this.#socket)) return this.#socket
    callback?.(new Error("the connection has ended"), this.#socket)
    return undefined
  }
}

/** Whether no answer can come on it any more. */
const isOver = (socket: tls.TLSSocket): boolean => socket.destroyed || socket.readableEnded

const openingFailure = (cluster: string, error: unknown): PathFailure => {
  if (isPathFailure(error)) return error
  if (error instanceof StreamNotAccepted)
    return (
      failureOfStreamEnd(error.reason) ??
      new PathBroken({
        hop: "auth-proxy",
        cause: error.reason,
        detail: `the auth proxy of cluster ${cluster} did not take the stream: ${error.reason}`,
      })
    )
  if (error instanceof CarrierRefused)
    return new PathBroken({
      hop: "relay",
      cause: error.code,
      detail: `the relay gave no way to cluster ${cluster}: ${error.message}`,
    })
  return pathFailureOf(error)
}
