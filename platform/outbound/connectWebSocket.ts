import type { ClientRequest, IncomingMessage } from "node:http"
import { type ClientOptions, WebSocket } from "ws"
import { type Attempt, attempting } from "./attempt.ts"
import { diagnosis, probing } from "./diagnosis.ts"
import { MAX_REFUSAL_BYTES, OutboundInvalid, UpgradeRefused } from "./failures.ts"
import type { Route } from "./openTransport.ts"
import { proxyFor } from "./proxyRules.ts"
import { defaultRoots } from "./trustedRoots.ts"

export interface WebSocketOptions extends Route {
  readonly protocols?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  /** From the name lookup to the 101, the refusal's body included. */
  readonly handshakeTimeoutMillis?: number
  readonly signal?: AbortSignal | undefined
  /** A larger message closes the WebSocket with 1009. */
  readonly maxPayloadBytes?: number
  /** Leaves the WebSocket paused until the caller calls `resume()`; else it is resumed in the next turn of the event loop. */
  readonly startPaused?: boolean
}

/** A dial through three hops answers in well under a second; 10 s is the design's limit for an honest failure. */
export const HANDSHAKE_TIMEOUT_MILLIS = 10_000

/** A frame carries 64 KiB and its header. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 + 256

/**
 * An open WebSocket (ws: or wss:), through the proxy that the route names. No message is lost: it is delivered paused and
 * resumed after the callers of `await` had their turn to attach handlers. Rejects with `UpgradeRefused`, `Unreachable`,
 * `OutboundInvalid` or the signal's reason; then no socket stays open. The signal has no effect on an open WebSocket.
 */
export function connectWebSocket(address: string | URL, options: WebSocketOptions = {}): Promise<WebSocket> {
  return Promise.resolve().then(() => {
    const url = new URL(address)
    if (url.protocol !== "ws:" && url.protocol !== "wss:") {
      throw new OutboundInvalid({
        setting: "WebSocket URL",
        detail: `scheme ${url.protocol} where ws: or wss: is expected`,
      })
    }
    const timeoutMillis = options.handshakeTimeoutMillis ?? HANDSHAKE_TIMEOUT_MILLIS
    return attempting(url, { timeoutMillis, signal: options.signal }, async (attempt) => {
      const stopProbing = probing(url, options, attempt, timeoutMillis / 2)
      try {
        return await upgraded(url, options, attempt)
      } catch (error) {
        if (error instanceof Failed) throw await diagnosis(error.reason, url, options, attempt)
        throw error
      } finally {
        stopProbing()
      }
    })
  })
}

/** An error of the WebSocket itself, whose stage is still to be found. */
class Failed extends Error {
  readonly reason: unknown

  constructor(reason: unknown) {
    super("the WebSocket failed")
    this.reason = reason
  }
}

/** What Bun's `ws` takes beyond the types of the npm package. */
interface BunClientOptions extends ClientOptions {
  readonly proxy?: { readonly url: string; readonly tls: { readonly ca: string[]; readonly rejectUnauthorized: true } }
}

function upgradeOptions(url: URL, options: WebSocketOptions): BunClientOptions {
  const proxy = proxyFor(url, options.proxy ?? {})
  const roots = options.ca ?? defaultRoots()
  return {
    headers: { ...options.headers },
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES,
    rejectUnauthorized: true,
    // Not the parsed `secureContext`, which would spare 2 ms of parsing here: with it Bun runs the WebSocket in JavaScript, and
    // a GB costs 0.7 to 0.8 CPU s instead of 0.3 to 0.5.
    ca: [...roots.ca],
    ...(proxy ? { proxy: { url: proxy.href, tls: { ca: [...roots.ca], rejectUnauthorized: true } } } : {}),
  }
}

function upgraded(url: URL, options: WebSocketOptions, attempt: Attempt): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, [...(options.protocols ?? [])], upgradeOptions(url, options))
    const fail = (error: unknown) => {
      stop()
      // A later error of a socket that is being torn down has nobody to tell.
      ws.on("error", () => {}).terminate()
      reject(error)
    }
    const onOpen = () => {
      stop()
      ws.pause()
      if (options.startPaused !== true) setImmediate(() => ws.resume())
      resolve(ws)
    }
    const onError = (error: unknown) => fail(new Failed(error))
    const onClose = () => fail(new Failed(new Error("the connection was closed")))
    const onAbort = () => fail(attempt.signal.reason)
    const onRefusal = (_request: ClientRequest, answer: IncomingMessage) => {
      stop()
      ws.on("error", () => {})
      void refusal(answer, attempt).then((error) => {
        ws.terminate()
        reject(error)
      })
    }
    const stop = () => {
      ws.off("open", onOpen).off("error", onError).off("close", onClose).off("unexpected-response", onRefusal)
      attempt.signal.removeEventListener("abort", onAbort)
    }
    ws.on("open", onOpen).on("error", onError).on("close", onClose).on("unexpected-response", onRefusal)
    attempt.signal.addEventListener("abort", onAbort, { once: true })
    if (attempt.signal.aborted) onAbort()
  })
}

/** The refusal as far as it came: the status is already known, so a cut, endless or late body is no other failure. */
function refusal(answer: IncomingMessage, attempt: Attempt): Promise<unknown> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const done = (truncated: boolean) => {
      attempt.signal.removeEventListener("abort", onAbort)
      const body = Buffer.concat(chunks).subarray(0, MAX_REFUSAL_BYTES).toString("utf8")
      const { headers, statusCode = 0 } = answer
      resolve(new UpgradeRefused({ target: attempt.target, status: statusCode, headers, body, truncated }))
    }
    const onAbort = () => done(true)
    attempt.signal.addEventListener("abort", onAbort, { once: true })
    answer.on("error", () => done(true)).on("aborted", () => done(true))
    answer.on("end", () => done(length > MAX_REFUSAL_BYTES))
    answer.on("data", (chunk: Buffer) => {
      length += chunk.length
      chunks.push(chunk)
      if (length > MAX_REFUSAL_BYTES) {
        answer.pause()
        done(true)
      }
    })
  })
}
