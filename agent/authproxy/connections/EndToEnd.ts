import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import tls from "node:tls"
import { type HeadFault, HttpFront, lingeringClose } from "../../../platform/tlsListener.ts"
import { refusalResponse } from "../../../protocol/status.ts"
import type { ServerStream } from "../../../protocol/stream/StreamServer.ts"
import { refusalOf } from "../exchange/answer.ts"
import { type Exchanges, headRefusal, type Origin } from "../exchange/Exchanges.ts"
import { connectionsEnded, handshakes } from "../metrics.ts"
import { HandshakeTurns } from "./HandshakeTurns.ts"
import type { ServingCertificate } from "./ServingCertificate.ts"

/** A handshake costs 0.3 ms of one core; 64 at once keep requests under way below 20 ms of waiting. The others wait their turn. */
export const maxHandshakes = 64
/** One caller's share of them: eight callers who never finish theirs are needed to make the others wait. */
const handshakeShare = 1 / 8
/** From the stream's opening, its turn included, to complete TLS. */
export const tlsMillis = 10_000
/** From a request's first byte to the end of its head. */
export const headMillis = 10_000
/** Longer than the proxy's 120 s: the side that sends requests is the one that closes idle connections. */
export const idleMillis = 180_000
/** A token with 500 groups and what kubectl sends beside it. */
export const maxHeaderBytes = 65_536

export interface EndToEndLimits {
  readonly maxHandshakes: number
  readonly tlsMillis: number
  readonly headMillis: number
  readonly idleMillis: number
}

/** End-to-end TLS 1.3 and HTTP/1.1 on the streams of this auth proxy; each connection is bound to its stream for good. */
export class EndToEnd {
  readonly #certificate: ServingCertificate
  readonly #front: HttpFront
  readonly #limits: EndToEndLimits
  readonly #origins = new WeakMap<Socket, Origin>()
  readonly #turns: HandshakeTurns

  constructor(certificate: ServingCertificate, exchanges: Exchanges, limits: Partial<EndToEndLimits> = {}) {
    this.#certificate = certificate
    this.#limits = { maxHandshakes, tlsMillis, headMillis, idleMillis, ...limits }
    const atOnce = this.#limits.maxHandshakes
    this.#turns = new HandshakeTurns(atOnce, Math.max(1, Math.floor(atOnce * handshakeShare)))
    // The front reports what is wrong with a head and asks for the answer's body in the same turn.
    let fault: HeadFault | undefined
    this.#front = new HttpFront({
      limits: {
        headTimeoutMillis: this.#limits.headMillis,
        idleTimeoutMillis: this.#limits.idleMillis,
        maxHeaderBytes,
      },
      onEnd: (end) => connectionsEnded.add(1, { end }),
      onRequest: (request, response) => exchanges.request(request, response, this.#originOf(request)),
      onUpgrade: (request, socket, head) => exchanges.upgrade(request, socket, head, this.#originOf(request)),
      onHeadRefused: (found, request) => {
        fault = found
        exchanges.refusedHead(request, headRefusal(found), this.#originOf(request))
      },
      refusal: () => {
        const refused = headRefusal(fault)
        fault = undefined
        return { contentType: "application/json", body: refusalResponse(refusalOf(refused)).body }
      },
    })
  }

  get connections(): number {
    return this.#front.connections
  }

  /** Takes over a new stream. */
  serve(stream: ServerStream): void {
    if (stream.socket.destroyed) return
    const late = setTimeout(() => {
      handshakes.add(1, { outcome: "timeout" })
      abort("tls-timeout")
    }, this.#limits.tlsMillis)
    const abort = (why: string) => {
      stream.destroy(why)
      stream.socket.destroy()
    }
    stream.socket.on("error", () => {})
    const turnOver = this.#turns.take(stream.callerHash, (done) => {
      if (stream.socket.destroyed) return done()
      const secure = new tls.TLSSocket(stream.socket, {
        isServer: true,
        secureContext: this.#certificate.context,
        ALPNProtocols: ["http/1.1"],
        allowHalfOpen: true,
      } as tls.TLSSocketOptions)
      let settled = false
      const settle = (outcome: "complete" | "failed") => {
        if (settled) return
        settled = true
        clearTimeout(late)
        handshakes.add(1, { outcome })
        done()
      }
      secure.on("error", () => {
        if (!settled) abort("tls-failed")
        settle("failed")
      })
      secure.once("close", () => {
        settle("failed")
        stream.socket.destroy()
      })
      // A paused TLS socket would not notice that its stream has gone.
      stream.socket.once("close", () => secure.destroy())
      secure.once("secure", () => {
        if (settled) return
        settle("complete")
        this.#origins.set(secure, {
          clientAddress: stream.clientAddress,
          busy: false,
          abort: (why) => {
            stream.destroy(why)
            secure.destroy()
          },
        })
        // The HTTP server's way to close behind an answer: what TLS has written is not yet in the stream when it counts as finished.
        secure.destroySoon = () => lingeringClose(secure)
        this.#front.serve(secure)
      })
    })
    stream.socket.once("close", () => {
      clearTimeout(late)
      turnOver()
    })
  }

  /** Ends every connection, upgraded ones included, after `graceMillis` at the latest. */
  close(graceMillis: number): Promise<void> {
    return this.#front.close(graceMillis)
  }

  #originOf(request: IncomingMessage): Origin {
    const origin = this.#origins.get(request.socket)
    if (origin !== undefined) return origin
    request.socket.destroy()
    return { clientAddress: "unknown", busy: false, abort: () => {} }
  }
}
